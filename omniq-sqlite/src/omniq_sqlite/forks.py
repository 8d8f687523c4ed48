"""Keeps an open database whole across a fork.

SQLite forbids to carry a connection into a child. Here nobody is in a transaction while the process forks, the
child opens a connection of its own at its first call, and what it inherited is kept for ever: closing it would
touch files and locks that the parent still uses.

SQLite notes its file locks once a process and file. The child inherits these notes without the locks, since
POSIX locks do not cross a fork, and a process that then closed the file as its last user would remove the log
under the child. So the child takes the two shared locks again that the notes speak of (os_unix.c: the SHARED
range of the database, and the DMS byte of the shared memory).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import threading
from typing import Any, Protocol
from weakref import WeakSet

from omniq.errors import ForkedStore

__all__ = ("inherit", "remember", "unwatch", "watch")

_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
_DMS = 128
_WAIT = 10.0


class Forkable(Protocol):
    """What must hold still while the process forks."""

    mutex: threading.Lock

    def forget(self) -> None: ...


_watched: WeakSet[Any] = WeakSet()
_held: list[threading.Lock] = []
_inherited: list[Any] = []
_memories: dict[str, int] = {}
_torn: set[str] = set()


def watch(one: Forkable) -> None:
    """From now on this takes part in forks."""
    _watched.add(one)


def unwatch(one: Forkable) -> None:
    """This is closed and takes no part any more."""
    _watched.discard(one)


def inherit(what: Any) -> None:
    """Keep something for ever: not even the end of the interpreter may close it."""
    _inherited.append(what)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(what))


def remember(path: str) -> None:
    """Note which shared memory an open database uses.

    Raises:
        ForkedStore: in a child whose parent let go of the database before the child could hold it.
    """
    if path in _torn:
        raise ForkedStore(f"{path} was closed by the parent during the fork; open it in the child, after the fork")
    with contextlib.suppress(OSError):
        _memories[path] = os.stat(f"{path}-shm").st_ino  # noqa: PTH116


def _before() -> None:
    for one in list(_watched):
        mutex = one.mutex
        if mutex.acquire(timeout=_WAIT):
            _held.append(mutex)


def _release() -> None:
    while _held:
        _held.pop().release()


def _in_child() -> None:
    _held.clear()
    for one in list(_watched):
        one.forget()
    for path, number in _memories.items():
        if not _hold(path, number):
            _torn.add(path)


def _hold(path: str, number: int) -> bool:
    """Take the locks again that SQLite believes this process to have; False where the memory is another."""
    try:
        memory = os.open(f"{path}-shm", os.O_RDWR | os.O_CLOEXEC)
        fcntl.lockf(memory, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _DMS)
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        # Both stay open: closing a descriptor drops every lock of the process on its file.
        return os.fstat(memory).st_ino == number and os.stat(f"{path}-shm").st_ino == number  # noqa: PTH116
    except OSError:
        return False


os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_in_child)
