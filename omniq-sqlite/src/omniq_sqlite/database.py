"""One file, one connection, one mutex, and three ways in.

- A daemon thread takes all calls that stand in line and commits them together.
- A short call on an idle store is run right on the event loop: less than the two changes of thread that it saves.
  How long a call takes is learned by what it does (`pace`).
- Under the direct mark a call is run in its caller's thread.

Invariant: the connection is used under the mutex only, and the bell is rung inside it, after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from omniq.direct import is_direct
from omniq.errors import StoreClosed
from omniq.models.values import wall_clock
from omniq.storage.base import Clock
from omniq_sqlite import forks
from omniq_sqlite.bell import Bell, Listener, listen
from omniq_sqlite.checkpoint import Checkpoints
from omniq_sqlite.faults import BUSY_LIMIT, translated
from omniq_sqlite.group import Again, Call, Locked, commit, deliver
from omniq_sqlite.options import SQLiteOptions
from omniq_sqlite.pace import LONGEST, Pace
from omniq_sqlite.place import inspect
from omniq_sqlite.session import Session, connect

__all__ = ("Database",)

T = TypeVar("T")

GROUP = 256
"""Calls in one commit at most."""
_jitter = random.Random()


class Database:
    """A handle to one file for one project. Any thread may call it."""

    def __init__(self, options: SQLiteOptions, project: str) -> None:
        self.options = options
        self.project = project
        self.path = str(Path(options.path).expanduser().absolute())
        self.clock: Clock | None = None
        self.open = False
        self._ended = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.mutex = threading.Lock()
        self._session: Session | None = None
        self._bell: Bell | None = None
        self._line: SimpleQueue[Call[Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._counting = threading.Lock()
        self._in_line = 0
        self._spent = 0.0
        self._pace = Pace()
        self._checkpoints = Checkpoints(self.path)
        self._ears: WeakKeyDictionary[asyncio.AbstractEventLoop, Listener] = WeakKeyDictionary()

    async def start(self) -> None:
        """Open the connection, off the loop."""
        if not self.open:
            self.open, self._ended = True, False
            self._checkpoints = Checkpoints(self.path)
            forks.watch(self)
            try:
                await self.run(lambda session: None, writes=False)
            except BaseException:
                await self.stop()
                raise

    async def stop(self) -> None:
        """Finish what stands in line, then let go of connection, thread and files; waits end."""
        if not self.open:
            return
        with self._counting:  # from here on nobody gets into the line
            self.open = False
            thread, self._thread = self._thread, None
        for loop, ear in list(self._ears.items()):
            if loop is _running_loop():
                ear.close()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(ear.close)
        self._ears = WeakKeyDictionary()
        if is_direct() or (thread is None and not self._checkpoints.running):
            self._end_threads(thread)
        else:
            await asyncio.to_thread(self._end_threads, thread)
        with self.mutex:
            self._ended = True
            if self._session is not None:
                self._session.connection.close()
                self._session = None
            if self._bell is not None:
                self._bell.close()
                self._bell = None
        forks.unwatch(self)

    def _end_threads(self, writer: threading.Thread | None) -> None:
        if writer is not None:
            self._line.put(None)
            writer.join()
        self._checkpoints.close()

    async def run(
        self,
        work: Callable[[Session], T],
        *,
        rows: int | None = None,
        writes: bool = True,
        quick: Callable[[Session], T | Again] | None = None,
    ) -> T:
        """Run one call, atomic alone.

        Args:
            rows: how many it touches at most; None: nobody knows, so it is never run on the loop.
            writes: it needs the write lock.
            quick: one statement that is the whole call in the common case; gives AGAIN where it is not.
        """
        if not self.open:
            raise self._closed()
        call = Call(work, quick, writes)
        if is_direct():
            self._persist([call])
        elif rows is None or not self._on_the_loop(call, rows):
            await self._stand_in_line(call)
        elif self._spent > LONGEST:
            self._spent = 0.0
            await asyncio.sleep(0)  # a call on the loop never suspends: a loop around it would starve the others
        if call.error is not None:
            raise call.error
        answer: T = call.answer
        return answer

    async def ear(self) -> Listener:
        """Give the listener of the running loop."""
        if self._bell is None:  # not open, or after a fork not open yet
            await self.run(lambda session: None, writes=False)
        loop = asyncio.get_running_loop()
        found = self._ears.get(loop)
        if found is None or found.closed:
            bell = self._bell
            if bell is None or not self.open:
                raise self._closed()
            found = self._ears[loop] = listen(bell.paths)
        return found

    def forget(self) -> None:
        """In a forked child: leave what was inherited as it is, and open anew at the next call."""
        forks.inherit((self._session, self._bell, self._line, self._thread, self._ears, self._checkpoints))
        self._start_afresh()

    def _on_the_loop(self, call: Call[Any], rows: int) -> bool:
        """Try to run a call here and now; False where it has to stand in line."""
        if self._in_line or self._session is None or (call.writes and self.options.synchronous == "FULL"):
            return False
        if not self._pace.is_short(call.what, rows):
            return False
        if not self.mutex.acquire(blocking=False):
            return False
        start = time.perf_counter()
        try:
            self._commit([call])
        except Locked:
            return False
        finally:
            self.mutex.release()
        took = time.perf_counter() - start
        self._spent += took
        self._pace.learn(call.what, rows, took)
        return True

    async def _stand_in_line(self, call: Call[Any]) -> None:
        call.loop = asyncio.get_running_loop()
        call.future = call.loop.create_future()
        with self._counting:
            if not self.open:
                raise self._closed()
            self._in_line += 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._write, args=(self._line,), name="omniq-sqlite", daemon=True
                )
                self._thread.start()
            self._line.put(call)
        await call.future

    def _write(self, line: SimpleQueue[Call[Any] | None]) -> None:
        """Take what stands in line, commit it together, give the answers; until None."""
        while (first := line.get()) is not None:
            group = [first]
            last = False
            with contextlib.suppress(Empty):
                while len(group) < GROUP:
                    other = line.get_nowait()
                    if other is None:
                        last = True
                        break
                    group.append(other)
            self._persist(group)
            with self._counting:
                self._in_line -= len(group)
            deliver(group)
            if last:
                return

    def _persist(self, group: Sequence[Call[Any]]) -> None:
        """Run a group to its end; while another process writes, try again with the mutex free."""
        end = time.monotonic() + BUSY_LIMIT
        pause = 0.0002
        while True:
            try:
                with self.mutex:
                    self._commit(group)
            except Locked as why:
                if time.monotonic() > end:
                    for call in group:
                        call.error = translated(why.__cause__ or why, self.path)
                    return
            else:
                return
            time.sleep(pause * (0.5 + _jitter.random()))
            pause = min(pause * 1.5, 0.01)

    def _commit(self, group: Sequence[Call[Any]]) -> None:
        """Run a group in one transaction; where one fails, each alone. Under the mutex.

        Raises:
            Locked: nothing of it has been run.
        """
        try:
            session = self._connected()
        except Exception as why:
            for call in group:
                call.error = translated(why, self.path)
            return
        commit(session, group, self.path)
        for kind, due in enumerate(session.rings):  # inside the mutex: a flag that two threads take outside lost rings
            if due and self._bell is not None:
                self._bell.ring(kind)
        session.rings = [False, False]
        self._checkpoints.committed()

    def _closed(self) -> StoreClosed:
        return StoreClosed(f"{self.path} is not open; use `async with`, or call open() first")

    def _connected(self) -> Session:
        if self._ended:
            raise self._closed()
        if self._session is None:
            inspect(self.path)
            session = connect(self.path, self.options, self.project, self.clock or wall_clock)
            try:
                self._bell = Bell(self.path)
            except OSError:
                session.connection.close()
                raise
            self._session = session
            forks.remember(self.path)
        return self._session


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


os.register_at_fork(after_in_child=lambda: _jitter.seed(os.urandom(16)))
