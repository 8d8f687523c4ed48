"""Daemon threads that run plain functions for one event loop.

`loop.run_in_executor` costs a lock, a future and a wake-up of the loop a call, and its threads keep a program
alive. Here jobs go in through one SimpleQueue and come back through one deque, with one wake-up of the loop a
burst.

Invariant: a slot whose body was given up counts as `stuck` until its thread returns, so no more than `size` bodies
run at once. A job that was given up before a thread took it never runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context as Variables
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeAlias

__all__ = ("Threads",)

_Done: TypeAlias = "tuple[_Work, Any, BaseException | None]"


class _Work:
    __slots__ = ("args", "future", "given_up", "function", "kwargs", "untaken", "variables")  # noqa: RUF023

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        variables: Variables,
        future: asyncio.Future[Any],
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.variables, self.future = variables, future
        self.given_up = False
        self.untaken = [True]

    def take(self) -> bool:
        """Win the job, once: for the thread that runs it, or for the loop that gives it up. Atomic under the GIL."""
        try:
            return self.untaken.pop()
        except IndexError:
            return False


class Threads:
    """Up to `size` threads, started as they are needed. Everything but the bodies runs on the loop."""

    def __init__(self, size: int, name: str) -> None:
        self.stuck = 0
        self.on_free: Callable[[], None] | None = None
        self._size, self._name = size, name
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._jobs: SimpleQueue[_Work | None] = SimpleQueue()
        self._done: deque[_Done] = deque()
        self._armed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function in a thread, with the caller's context variables.

        Cancelled, it gives the body up: nothing can stop a thread.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        work = _Work(function, args, kwargs, copy_context(), self._loop.create_future())
        self._busy += 1
        if self._busy > len(self._threads) and len(self._threads) < self._size:
            self._start_one()
        self._jobs.put(work)
        try:
            value, error = await work.future
        except asyncio.CancelledError:
            if not work.future.done() or work.future.cancelled():
                work.given_up = True
                if work.take():
                    self._busy -= 1
                else:
                    self.stuck += 1
            raise
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Let the threads end after what they do now; none is waited for."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads = []
        self._loop = None

    def _start_one(self) -> None:
        thread = threading.Thread(
            target=self._work, name=f"{self._name}-{len(self._threads) + 1}", daemon=True, args=(self._loop,)
        )
        self._threads.append(thread)
        thread.start()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (work := self._jobs.get()) is not None:
            if not work.take():
                continue
            value, error = None, None
            try:
                value = work.variables.run(work.function, *work.args, **work.kwargs)
            except BaseException as caught:
                error = caught
            self._done.append((work, value, error))
            if not self._armed:
                self._armed = True
                try:
                    loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:  # the loop is closed: nobody waits for this body any more
                    return
            del work, value, error  # an idle thread holds on to nothing of the user's

    def _deliver(self) -> None:
        self._armed = False  # before the look, not after: what ends during it must wake the loop again
        while self._done:
            work, value, error = self._done.popleft()
            self._busy -= 1
            if work.given_up:
                self.stuck -= 1
                if self.on_free is not None:
                    self.on_free()
            elif not work.future.done():
                work.future.set_result((value, error))
