"""Moves the log into the database, off the connections that commit.

With automatic checkpoints one enqueue in some hundreds waits for the copying: 4.3 ms at p99.9 instead of 0.2.
Here a daemon thread with a connection of its own does it once the log has grown by 4 MB; it is started when it
is first needed, so a program that writes little has no such thread. What is left at the end is copied by SQLite
itself when the last connection closes.

Invariant: one checkpoint at a time over all processes, kept by a lock file: SQLite before 3.51.3 can lose pages
when the log is reset under a second checkpoint.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time

from omniq_sqlite import forks

__all__ = ("Checkpoints",)

LOOK_EVERY = 64
"""Commits between two looks at the size of the log."""
APART = 1.0
"""Seconds between two checkpoints at least: each one waits for the disk."""
PASSIVE_AT = 4 << 20
TRUNCATE_AT = 64 << 20


class Checkpoints:
    """The checkpoints of one handle. `mutex` is held during one, so that no fork falls into it."""

    def __init__(self, path: str) -> None:
        self.mutex = threading.Lock()
        self._path = path
        self._commits = 0
        self._last = 0.0
        self._due = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Is there a thread to end?"""
        return self._thread is not None

    def committed(self) -> None:
        """Note a commit; starts a checkpoint where the log has become long. Under the handle's mutex."""
        self._commits += 1
        if self._commits % LOOK_EVERY or self._due.is_set() or time.monotonic() - self._last < APART:
            return
        if self._size() >= PASSIVE_AT:
            self._due.set()
            if self._thread is None:
                forks.watch(self)
                thread = threading.Thread(target=self._work, name="omniq-checkpoint", daemon=True)
                with contextlib.suppress(RuntimeError):  # the interpreter ends: what is left is copied at the close
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """End the thread, if there is one."""
        self._closing = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()
            forks.unwatch(self)

    def forget(self) -> None:
        """In a forked child there is no thread any more; the handle makes a new object of this kind."""

    def _size(self) -> int:
        try:
            return os.stat(f"{self._path}-wal").st_size  # noqa: PTH116
        except OSError:
            return 0

    def _work(self) -> None:
        # Truncating needs the write lock; a second of patience for it, none for a passive checkpoint.
        connection = sqlite3.connect(self._path, timeout=1.0, isolation_level=None, check_same_thread=False)
        lock = os.open(f"{self._path}-checkpoint", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            connection.execute("pragma wal_autocheckpoint = 0")
            while True:
                self._due.wait()
                self._due.clear()  # before the work, not after it: a close during it must not be wiped out
                if self._closing:
                    return
                self._last = time.monotonic()
                with self.mutex:
                    # A log that was copied is used again from its start and does not shrink by itself.
                    self._checkpoint(connection, lock, "truncate" if self._size() >= TRUNCATE_AT else "passive")
                self._last = time.monotonic()
        finally:
            with self.mutex:
                connection.close()
            os.close(lock)

    def _checkpoint(self, connection: sqlite3.Connection, lock: int, how: str) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # another process is at it
        try:
            with contextlib.suppress(sqlite3.Error):  # busy or full: the log stays, the next one tries again
                connection.execute(f"pragma wal_checkpoint({how})").fetchone()
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
