"""The Lua files: put together once a process, known to the server by their hash.

A line `--include name` stands for the file of that name. A fragment is included where it is needed, so what comes
before it in a file costs nothing of it: the way of one plain task stays short.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

__all__ = ("Script", "script", "source_of")

_INCLUDE = re.compile(r"^--include (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


class Script:
    """One script: its name, its text, and the hash by which a server knows it."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str, text: bytes) -> None:
        self.name, self.text = name, text
        self.sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def source_of(name: str) -> str:
    """Read one file as it is written."""
    return files("omniq_redis").joinpath("lua", f"{name}.lua").read_text()


@cache
def script(name: str) -> Script:
    """Give a script with its fragments in place."""
    text = _INCLUDE.sub(lambda found: source_of(found[1]), source_of(name))
    return Script(name, _COMMENT.sub("", text).encode())
