"""Keeps a backend's own test class from replacing or skipping a case without saying so.

A suite is worth as much as the cases that ran. What a store cannot do is a declared feature; then the case skips
itself and says why.
"""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ("Guarded", "refuse_skips")

_KIT = __name__.rpartition(".")[0]
_SILENT = frozenset({"skip", "skipif", "xfail"})


class Guarded:
    """The root of every conformance class: a subclass outside the kit adds to it and takes nothing away."""

    kept: frozenset[str] = frozenset()
    """Fixtures that a subclass may not replace: cases are gated and clocked by them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith(f"{_KIT}."):
            return
        inherited = {name for base in cls.__mro__[1:] for name in vars(base) if name.startswith("test_")} | cls.kept
        if taken := sorted(inherited & set(vars(cls))):
            raise TypeError(
                f"{cls.__name__} replaces {', '.join(taken)} of the conformance kit; give a test of your own another "
                "name, and declare as missing what your store cannot do: the kit then skips its cases by itself"
            )


def refuse_skips(items: list[pytest.Item]) -> None:
    """Refuse a run in which somebody marked a case of the kit as skipped or expected to fail.

    Raises:
        pytest.UsageError: which case, and what to do.
    """
    for item in items:
        cls = getattr(item, "cls", None)
        if not (isinstance(cls, type) and issubclass(cls, Guarded)):
            continue
        function = getattr(item, "function", None)
        if not str(getattr(function, "__module__", "")).startswith(f"{_KIT}."):
            continue
        if silent := sorted({mark.name for mark in item.iter_markers()} & _SILENT):
            raise pytest.UsageError(
                f"{item.nodeid} is a case of the conformance kit and is marked {', '.join(silent)}; declare as "
                "missing what your store cannot do, and the kit skips its cases by itself"
            )
