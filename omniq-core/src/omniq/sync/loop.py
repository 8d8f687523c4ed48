"""One event loop on a daemon thread, shared by all sync faces of a process: for waiting, and for stores that
are not direct.

It is opened at first use and closed at exit. A daemon, so a program that closes nothing ends at once; closed
by `atexit`, so pending coroutines are cancelled and awaited. A forked child starts without it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from omniq.errors import AppClosed, WrongThread

__all__ = ("LoopThread", "loop_thread")

T = TypeVar("T")

LAST_WORDS = 2.0
"""Seconds for pending coroutines at exit."""


class LoopThread:
    """Runs coroutines for callers on other threads."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and give its value; an interrupt of the caller cancels it.

        Raises:
            WrongThread: called on the loop's own thread, which would wait for itself.
            AppClosed: the program is ending.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise WrongThread("a blocking call on OmniQ's own loop thread would wait for itself; await the async twin")
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
        with self._lock:
            if self._closed:
                raise AppClosed("the program is ending; call before that, or use `with` around the app")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._loop,), name="omniq-loop", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def close(self) -> None:
        """Cancel what is pending, wait for it 2 s at most, and end."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        thread.join(LAST_WORDS)


async def _cancel_all() -> None:
    """Cancel every other task of this loop, then stop it."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    loop.call_soon(loop.stop)


loop_thread = LoopThread()
os.register_at_fork(after_in_child=loop_thread._forget)
