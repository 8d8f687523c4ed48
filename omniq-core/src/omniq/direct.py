"""The mark of a thread that may not suspend.

The sync face drives the async code in the caller's own thread where every store declares `DIRECT`. It sets
this mark around the call. A direct store reads it and ends every operation without suspending. It is a
thread-local and never inferred from a running loop: a sync call inside a running loop is direct too.
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from omniq.errors import MustNotSuspend

__all__ = ("NeedsLoop", "drive", "is_direct")

T = TypeVar("T")


class NeedsLoop(Exception):
    """Raised under the mark by what would have to wait; whoever drives asks again on a loop."""


class _Mark(threading.local):
    depth = 0


_mark = _Mark()


def is_direct() -> bool:
    """Say whether this thread is under the mark."""
    return _mark.depth > 0


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in this thread, under the mark.

    Raises:
        MustNotSuspend: the coroutine suspended; it was closed and nothing of it goes on.
    """
    _mark.depth += 1
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        _mark.depth -= 1
    coroutine.close()
    raise MustNotSuspend("a coroutine suspended under the direct mark; this is a bug of the store, please report it")
