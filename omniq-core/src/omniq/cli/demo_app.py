"""The app of `omniq demo`: one task that reads a Python file and counts what is in it.

Ordinary user code, and so an example: `omniq worker omniq.cli.demo_app:oq` runs it like any other app. The
backend comes from the environment.
"""

from __future__ import annotations

import ast
import warnings
from pathlib import Path
from typing import NamedTuple

from omniq import AsyncOmniQ

__all__ = ("Counts", "count_file", "counts_of", "oq")

oq = AsyncOmniQ()


class Counts(NamedTuple):
    """What one file holds; `unread` is 1 for a file that is no Python of this version."""

    files: int = 0
    lines: int = 0
    functions: int = 0
    imports: int = 0
    unread: int = 0

    def plus(self, other: tuple[int, ...] | list[int]) -> Counts:
        """Add up, field by field."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def counts_of(path: str) -> Counts:
    """Parse one file and count."""
    raw = Path(path).read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            nodes = list(ast.walk(ast.parse(raw, path)))
    except (SyntaxError, ValueError):  # test data of the standard library is broken on purpose
        return Counts(1, raw.count(b"\n"), unread=1)
    return Counts(
        files=1,
        lines=raw.count(b"\n"),
        functions=sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes),
        imports=sum(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes),
    )


@oq.task(retries=3, timeout="60s")
def count_file(path: str) -> list[int]:
    """Count lines, functions and imports of one file."""
    return list(counts_of(path))
