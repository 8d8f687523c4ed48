"""Keeps connections from crossing a fork.

Parent and child would read each other's replies from one socket. So a handle that is open while the process forks
is refused in the child, and what it inherited is kept for ever: closing it could say goodbye (TLS) on the
parent's connection, and take it out of the selector that the parent's loop still waits on.
"""

from __future__ import annotations

import os
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ("unwatch", "watch")


class Forkable(Protocol):
    """What must not be used in a child."""

    def forget(self) -> Any:
        """Become unusable; give what must stay alive."""


_watched: WeakSet[Any] = WeakSet()
_inherited: list[Any] = []


def watch(one: Forkable) -> None:
    """From now on this takes part in forks."""
    _watched.add(one)


def unwatch(one: Forkable) -> None:
    """This is closed and takes no part any more."""
    _watched.discard(one)


def _in_child() -> None:
    for one in list(_watched):
        _inherited.append((one, one.forget()))


os.register_at_fork(after_in_child=_in_child)
