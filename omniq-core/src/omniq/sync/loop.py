"""One event loop on a daemon thread, shared by all sync faces of a process: for waiting, and for stores that
are not direct.

It starts at the first call that needs it. A daemon, so a program that closes nothing ends at once; closed by
`atexit`, so pending coroutines are cancelled and awaited and open stores are closed. A forked child starts
without it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from omniq.client.stores import Stores
from omniq.errors import AppClosed, OmniQError, WrongThread

__all__ = ("LoopThread", "loop_thread")

T = TypeVar("T")

LAST_WORDS = 2.0
"""Seconds for pending coroutines and open stores at exit."""


class LoopThread:
    """Runs coroutines for callers on other threads."""

    def __init__(self) -> None:
        self._inherited: list[Any] = []
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._left: set[Stores] = set()

    def forget(self) -> None:
        """In a forked child: keep what was inherited, so that nothing closes it, and begin anew."""
        self._inherited.append((self._loop, self._left))
        self._begin()

    def leave(self, stores: Stores) -> None:
        """Have these closed on the loop at exit if nobody did it before."""
        self._left.add(stores)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and give its value; an interrupt of the caller cancels it.

        Raises:
            WrongThread: called on the loop's own thread, which would wait for itself.
            AppClosed: the program is ending.
        """
        try:
            loop = self._started()
        except BaseException:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        if threading.current_thread() is self._thread:
            raise WrongThread("a blocking call on OmniQ's own loop thread would wait for itself; await the async twin")
        with self._lock:
            if self._closed:
                raise AppClosed("the program is ending; call before that, or use `with` around the app")
            if self._loop is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_run, args=(loop,), name="omniq-loop", daemon=True)
                thread.start()
                self._loop, self._thread = loop, thread
            return self._loop

    def close(self) -> None:
        """Cancel what is pending, close what was left open, 2 s at most, and end."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(_end(list(self._left)), loop)
        thread.join(LAST_WORDS)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _end(left: list[Stores]) -> None:
    """Cancel every other task of this loop, close its stores, then stop it."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for stores in left:
        try:
            await stores.close()
        except OmniQError:
            continue  # the program ends: nobody is left to be told
    loop.call_soon(loop.stop)


loop_thread = LoopThread()
atexit.register(loop_thread.close)
os.register_at_fork(after_in_child=loop_thread.forget)
