"""Wakes waiters in other processes: two small files that are written to after a commit.

A ring costs about 2 µs, whoever listens; the kernel merges rings that nobody has read yet, and a killed process
leaves nothing behind. Where neither inotify nor kqueue is to be had, a waiter reads the files every 50 ms.

Invariant: a waiter takes the count before it asks the store, and waits for another count. A ring between the
two is then seen, however many waiters share a listener.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import select
import struct
import sys
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

__all__ = ("FINISHED", "WORK", "Bell", "Listener", "listen")

WORK, FINISHED = 0, 1
_SUFFIX = ("-bell-w", "-bell-r")
_POLL = 0.05
_IN_MODIFY = 0x2


class Bell:
    """The two files of one database, open for ringing."""

    def __init__(self, path: str) -> None:
        self.paths = tuple(path + suffix for suffix in _SUFFIX)
        self._files = [os.open(one, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666) for one in self.paths]

    def ring(self, kind: int) -> None:
        """Wake whoever waits for this; a bell that cannot be rung (disk full) costs a waiter its backstop."""
        with contextlib.suppress(OSError):
            os.pwrite(self._files[kind], struct.pack("<q", time.monotonic_ns()), 0)

    def close(self) -> None:
        """Let go of the files; they are never removed, since others watch them."""
        for one in self._files:
            os.close(one)
        self._files = []


class Listener(ABC):
    """The ear of one event loop; used on its thread only."""

    def __init__(self) -> None:
        self._rings = [0, 0]
        self._waiters: set[asyncio.Future[None]] = set()
        self.closed = False

    def count(self, kind: int) -> int:
        """Give how often it rang; take this before asking the store."""
        self._read()
        return self._rings[kind]

    async def wait(self, kind: int, seen: int, timeout: float) -> None:
        """Wait until it has rung since `seen` was taken, or `timeout` seconds have passed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not self.closed and self.count(kind) == seen and (left := end - loop.time()) > 0:
            future = loop.create_future()
            if not self._waiters:
                self._start(loop)
            self._waiters.add(future)
            timer = loop.call_later(left, _wake, future)
            try:
                await future
            finally:
                timer.cancel()
                self._waiters.discard(future)
                if not self._waiters:
                    self._stop(loop)  # an idle ear must not wake its loop at every ring

    def wake(self) -> None:
        """End every wait; each then looks for itself."""
        self._read()
        for future in self._waiters:
            _wake(future)

    def close(self) -> None:
        """Let go; waits end."""
        if not self.closed:
            self.closed = True
            for future in self._waiters:
                _wake(future)
            self._release()

    @abstractmethod
    def _read(self) -> None:
        """Count what rang since the last look, without waiting."""

    @abstractmethod
    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop call `wake` from now on."""

    @abstractmethod
    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave the loop alone."""

    @abstractmethod
    def _release(self) -> None:
        """Close what is open."""


class _Watched(Listener):
    """By a descriptor that becomes readable: inotify or kqueue."""

    def __init__(self, descriptor: int, read: Callable[[], list[int]], release: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor, self._take = descriptor, read
        # A loop may end without us: then its ear is dropped, and must not leak a descriptor a loop.
        self._let_go = weakref.finalize(self, release)
        self._let_go.atexit = False

    def _read(self) -> None:
        if not self.closed:
            for kind in self._take():
                self._rings[kind] += 1

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._descriptor, self.wake)

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.closed:
            loop.remove_reader(self._descriptor)

    def _release(self) -> None:
        if self._waiters:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._let_go()


class _Polled(Listener):
    """By reading both files every 50 ms."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__()
        self._files = [os.open(one, os.O_RDONLY | os.O_CLOEXEC) for one in paths]
        self._let_go = weakref.finalize(self, _close, self._files)
        self._let_go.atexit = False
        self._last = [os.pread(one, 8, 0) for one in self._files]
        self._timer: asyncio.TimerHandle | None = None

    def _read(self) -> None:
        for kind, file in enumerate(self._files):
            mark = os.pread(file, 8, 0)
            if mark != self._last[kind]:
                self._last[kind] = mark
                self._rings[kind] += 1

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        def tick() -> None:
            before = list(self._rings)
            self._read()
            if before != self._rings:
                self.wake()
            self._timer = loop.call_later(_POLL, tick)

        self._timer = loop.call_later(_POLL, tick)

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._files = []
        self._let_go()


def listen(paths: tuple[str, ...], *, polled: bool = False) -> Listener:
    """Make the best ear that this system has."""
    if not polled:
        with contextlib.suppress(OSError, AttributeError):
            return _inotify(paths) if sys.platform.startswith("linux") else _kqueue(paths)
    return _Polled(paths)


def _inotify(paths: tuple[str, ...]) -> Listener:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    kinds: dict[int, int] = {}
    for kind, path in enumerate(paths):
        watch: int = libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_MODIFY)
        if watch < 0:
            code = ctypes.get_errno()
            os.close(descriptor)
            raise OSError(code, "inotify_add_watch")
        kinds[watch] = kind

    def read() -> list[int]:
        try:
            raw = os.read(descriptor, 65536)
        except BlockingIOError:
            return []
        except OSError as why:
            if why.errno == errno.EBADF:
                return []
            raise
        found: list[int] = []
        at = 0
        while at < len(raw):
            watch, _mask, _cookie, length = struct.unpack_from("iIII", raw, at)
            at += 16 + length
            found.extend((WORK, FINISHED) if watch < 0 else (kinds[watch],) if watch in kinds else ())
        return found

    return _Watched(descriptor, read, lambda: os.close(descriptor))


def _kqueue(paths: tuple[str, ...]) -> Listener:
    kernel: Any = select  # its BSD names are unknown to a type checker on Linux
    queue = kernel.kqueue()
    files = [os.open(one, os.O_RDONLY | os.O_CLOEXEC) for one in paths]
    flags = kernel.KQ_EV_ADD | kernel.KQ_EV_CLEAR
    changes = [
        kernel.kevent(file, kernel.KQ_FILTER_VNODE, flags, kernel.KQ_NOTE_WRITE | kernel.KQ_NOTE_EXTEND)
        for file in files
    ]
    queue.control(changes, 0, 0)

    def release() -> None:
        queue.close()
        for file in files:
            os.close(file)

    return _Watched(queue.fileno(), lambda: [files.index(event.ident) for event in queue.control(None, 8, 0)], release)


def _close(files: list[int]) -> None:
    for one in files:
        os.close(one)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
