"""Calls that are committed together, and what becomes of each.

There are no savepoints: if one call of a group fails, the group is rolled back and each is run again alone, so
only the guilty caller sees its error.

Invariant: `work` of a call is pure but for the database, since it may be run twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from omniq_sqlite.faults import BUSY_LIMIT, is_busy, translated
from omniq_sqlite.session import Session

__all__ = ("AGAIN", "Again", "Call", "Locked", "commit", "deliver")

T = TypeVar("T")


class Again:
    """The kind of AGAIN."""


AGAIN = Again()
"""What a quick attempt gives when the call needs a whole transaction."""


class Locked(Exception):
    """Another process is writing; nothing was run."""


class Call(Generic[T]):
    """One call, and what became of it. `quick` is one statement that does it all in the common case."""

    __slots__ = ("answer", "error", "future", "loop", "quick", "work", "writes")

    @property
    def what(self) -> Hashable:
        """The function behind the call: what calls of one kind have in common."""
        return getattr(self.work, "func", self.work)

    def __init__(
        self, work: Callable[[Session], T], quick: Callable[[Session], T | Again] | None, writes: bool
    ) -> None:
        self.work, self.quick, self.writes = work, quick, writes
        self.answer: Any = None
        self.error: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Any] | None = None


def commit(session: Session, group: Sequence[Call[Any]], path: str) -> None:
    """Run a group in one transaction; where one fails, each alone.

    Raises:
        Locked: nothing of it was run.
    """
    if len(group) == 1:
        _alone(session, group[0], path)
        return
    try:
        _transaction(session, group)
    except Locked:
        raise
    except Exception:
        end = time.monotonic() + BUSY_LIMIT
        for call in group:
            _surely(session, call, end, path)


def deliver(group: Sequence[Call[Any]]) -> None:
    """Give each caller its answer, by one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[Any]]] = {}
    for call in group:
        if call.loop is not None and call.future is not None:
            loops.setdefault(call.loop, []).append(call.future)
    for loop, futures in loops.items():
        with contextlib.suppress(RuntimeError):  # a loop that was closed meanwhile has nobody waiting
            loop.call_soon_threadsafe(_wake, futures)


def _wake(futures: Sequence[asyncio.Future[Any]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _surely(session: Session, call: Call[Any], end: float, path: str) -> None:
    """Run one call of a group of which others are written already: it cannot be tried again from outside."""
    while True:
        try:
            _alone(session, call, path)
        except Locked as why:
            if time.monotonic() > end:
                call.error = translated(why.__cause__ or why, path)
                return
            time.sleep(0.001)
        else:
            return


def _alone(session: Session, call: Call[Any], path: str) -> None:
    try:
        if call.quick is not None:
            answer = _quickly(session, call.quick)
            if not isinstance(answer, Again):
                call.answer = answer
                return
        _transaction(session, (call,))
    except Locked:
        raise
    except Exception as why:
        call.error = translated(why, path)


def _quickly(session: Session, quick: Callable[[Session], Any]) -> Any:
    try:
        answer = quick(session)
    except sqlite3.OperationalError as why:
        session.forget()
        if is_busy(why):
            raise Locked from why
        raise
    session.forget() if isinstance(answer, Again) else session.keep()
    return answer


def _transaction(session: Session, group: Sequence[Call[Any]]) -> None:
    execute = session.connection.execute
    writes = any(call.writes for call in group)
    try:
        execute("begin immediate" if writes else "begin")
    except sqlite3.OperationalError as why:
        if is_busy(why):
            raise Locked from why
        raise
    try:
        for call in group:
            call.answer = call.work(session)
        execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the engine may have rolled back by itself
            execute("rollback")
        session.forget()
        raise
    session.keep()
