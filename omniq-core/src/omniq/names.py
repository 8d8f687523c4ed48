"""The importable name of a function or class, and the way back from it.

One rule for both: `module:qualname`, where the module of a script is the name that another process would
import it by. So `python app.py` and a worker that imports `app` agree.

Invariant: a look-up never imports. It goes through the namespaces of modules that are there already, runs no
code of theirs, and gives back only what is called exactly so.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

__all__ = ("MAINS", "UNIMPORTABLE", "find_object", "loaded_module", "module_name", "object_name")

MAINS = ("__main__", "__mp_main__")
"""What the module of the running script calls itself, here and in spawned children."""
UNIMPORTABLE = "__main__:"
"""How names begin whose module only this process has: of a notebook, or of `-c`."""


def module_name(module: str) -> str:
    """Give the name that others import this module by; `__main__` where nobody can (notebooks, `-c`)."""
    return _main_name() if module in MAINS else module


def object_name(thing: Any) -> str | None:
    """Give `module:qualname`, or None for what has none: nested, a lambda, without a module."""
    module = getattr(thing, "__module__", None)
    qualname = getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or "<" in qualname:
        return None
    return f"{module_name(module)}:{qualname}"


def loaded_module(name: str) -> Any:
    """Give the module with this importable name if it is loaded; the running script goes first."""
    if name == _main_name():
        return sys.modules.get("__main__")
    return sys.modules.get(name)


def find_object(name: str) -> Any:
    """Give what a loaded module has under `module:qualname`, None when it has nothing there."""
    module, _, qualname = name.partition(":")
    found = loaded_module(module)
    for part in qualname.split("."):
        # The namespace itself, never getattr: a module's __getattr__ may import, a metaclass may do anything.
        found = getattr(found, "__dict__", {}).get(part)
        if found is None:
            return None
    return found


def _main_name() -> str:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name not in MAINS:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    if not isinstance(file, str) or file.startswith("<"):  # a notebook, `-c`, or a program on stdin
        return "__main__"
    return PurePath(file).stem
