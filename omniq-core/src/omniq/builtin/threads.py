"""A pool of daemon threads for plain functions, cheaper than `run_in_executor` and honest about stuck bodies.

One queue in; results come back many to one `call_soon_threadsafe`. A thread whose caller gave up (a timeout)
goes on alone and is counted as stuck until it returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

__all__ = ("ThreadPool",)

Work = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], contextvars.Context, "asyncio.Future[Any]"]


class ThreadPool:
    """Up to `size` threads, each started when no idle one is left."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._done: deque[tuple[asyncio.Future[Any], BaseException | None, Any]] = deque()
        self._armed = False
        self._lock = threading.Lock()
        self._threads = 0
        self._busy = 0
        self._stuck = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def stuck(self) -> int:
        return self._stuck

    async def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function in a thread, with the caller's context variables."""
        self._loop = loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._busy += 1
        if self._threads < self._size and self._busy > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"omniq-thread-{self._threads}", daemon=True).start()
        self._queue.put((function, args, kwargs, contextvars.copy_context(), future))
        try:
            return await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._stuck += 1
            raise

    def close(self) -> None:
        """Let idle threads end; a busy one ends after its body."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._threads = 0

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            function, args, kwargs, context, future = work
            error: BaseException | None = None
            value = None
            try:
                if not future.cancelled():  # given up while it stood in the queue: never start it
                    value = context.run(function, *args, **kwargs)
            except BaseException as raised:
                error = raised
            self._deliver(future, error, value)
            del (
                work,
                function,
                args,
                kwargs,
                context,
                future,
                error,
                value,
            )  # an idle thread keeps nothing alive

    def _deliver(self, future: asyncio.Future[Any], error: BaseException | None, value: Any) -> None:
        with self._lock:
            self._done.append((future, error, value))
            if self._armed:
                return
            self._armed = True
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        with self._lock:
            done, self._done = self._done, deque()
            self._armed = False
        for future, error, value in done:
            self._busy -= 1
            if future.cancelled():
                self._stuck -= 1
            elif error is None:
                future.set_result(value)
            elif isinstance(error, StopIteration):  # a Future refuses it
                future.set_exception(RuntimeError("the task raised StopIteration"))
            else:
                future.set_exception(error)
