"""One open connection with what is known about it: the project, the ids of queues, the clock.

Invariant: an id that a transaction made is remembered only after its commit. A rolled-back id is given again
to the next queue; remembering it made two queues share one lane and a task run twice.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any

from omniq.errors import StoreRefused, StoreUnavailable
from omniq.models.values import Micros
from omniq.storage.base import Clock
from omniq_sqlite import schema
from omniq_sqlite.bell import FINISHED, WORK
from omniq_sqlite.faults import BUSY_LIMIT, is_busy
from omniq_sqlite.options import SQLiteOptions

__all__ = ("Session", "connect")

if (3, 12) <= sys.version_info < (3, 12, 4):
    # These releases take ?1 for a name and warn; CPython mended it (gh-117995). Numbers are what we mean.
    warnings.filterwarnings("ignore", r"Binding \d+ \('\?", DeprecationWarning)

MIGRATION_LIMIT = 120.0
"""Seconds for which an opening process waits while another brings the file to this version."""
_jitter = random.Random()  # own: a user's seeded generator must give its user the same numbers as without us


class Session:
    """A connection under somebody's mutex; every method may be called only by its holder."""

    __slots__ = ("_clock", "_last", "_made", "_names", "_queues", "connection", "finished", "project", "rings", "work")

    def __init__(self, connection: sqlite3.Connection, project: int, clock: Clock) -> None:
        self.connection = connection
        self.project = project
        self._clock = clock
        self._last: Micros = 0
        self._queues: dict[str, int] = {}
        self._made: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self.work = False
        """Something became ready in this transaction."""
        self.finished = False
        """Something ended in this transaction."""
        self.rings = [False, False]
        """What is committed and not yet rung for: work, finished."""

    def now(self) -> Micros:
        """Give the store's time; it never goes back on this connection."""
        self._last = max(self._last, self._clock())
        return self._last

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement and give its first row, or None."""
        return self.connection.execute(sql, values).fetchone()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run a statement and give all rows. A step a row: for answers that are short, or off the hot path."""
        return self.connection.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement and give how many rows it changed."""
        before = self.connection.total_changes  # rowcount is -1 where a statement begins with WITH
        self.connection.execute(sql, values)
        return self.connection.total_changes - before

    def known_queue(self, name: str) -> int | None:
        """Give the id of a queue if it is remembered."""
        return self._queues.get(name)

    def find_queue(self, name: str) -> int | None:
        """Give the id of a queue, None where there is none."""
        found = self._queues.get(name) or self._made.get(name)
        if found is None:
            row = self.row("select id from queue where project = ? and name = ?", (self.project, name))
            if row is not None:
                found = self._made[name] = row[0]
        return found

    def make_queue(self, name: str) -> int:
        """Give the id of a queue; make it where there is none."""
        found = self.find_queue(name)
        if found is None:
            self.connection.execute("insert into queue(project, name) values (?, ?)", (self.project, name))
            row = self.row("select last_insert_rowid()")
            found = self._made[name] = int(row[0])
        return found

    def queue_name(self, queue: int) -> str:
        """Give the name of a queue that a stored task is in."""
        name = self._names.get(queue)
        if name is None:
            name = str(self.row("select name from queue where id = ?", (queue,))[0])
        return name

    def keep(self) -> None:
        """The transaction is committed: what it found is true, and who waits for it may know."""
        self.rings[WORK] |= self.work
        self.rings[FINISHED] |= self.finished
        self.work = self.finished = False
        if self._made:
            self._queues.update(self._made)
            self._names.update((number, name) for name, number in self._made.items())
            self._made.clear()

    def forget(self) -> None:
        """The transaction is rolled back: nothing that it found may be remembered."""
        self._made.clear()
        self.work = self.finished = False


def connect(path: str, options: SQLiteOptions, project: str, clock: Clock) -> Session:
    """Open the file, make it ours where it is empty, and find the project.

    Raises:
        StoreRefused: WAL is not possible here.
        StoreCorrupt: the file is foreign, damaged or newer.
        sqlite3.Error: everything else, to be translated by the caller.
    """
    start = time.monotonic()
    while True:
        try:
            return _connect(path, options, project, clock)
        except sqlite3.OperationalError as why:
            # Changing the journal mode does not honour busy_timeout: two processes that open a new file at once.
            waited = time.monotonic() - start
            if not is_busy(why) or waited > (MIGRATION_LIMIT if _is_behind(path) else BUSY_LIMIT):
                raise
            time.sleep(0.005 + 0.02 * _jitter.random())


def _is_behind(path: str) -> bool:
    """Say whether the file still has an older schema: who holds the lock is then likely to be migrating it."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return schema.is_behind(connection, path)
    except sqlite3.OperationalError:
        return False


def _connect(path: str, options: SQLiteOptions, project: str, clock: Clock) -> Session:
    connection = sqlite3.connect(
        path, timeout=1.0, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        schema.accept(connection, path)  # before anything is changed: the file may be another program's
        mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
        if mode != "wal":
            raise StoreRefused(f"{path} cannot use a write-ahead log (journal mode {mode}); use a local disk")
        connection.execute(f"pragma synchronous = {options.synchronous}")
        connection.execute("pragma temp_store = memory")
        connection.execute("pragma cache_size = -16000")
        connection.execute("pragma wal_autocheckpoint = 0")
        schema.prepare(connection, path)
        connection.execute("insert into project(name) values (?) on conflict do nothing", (project,))
        row = connection.execute("select id from project where name = ?", (project,)).fetchone()
        if row is None:
            raise StoreUnavailable(f"project {project} vanished from {path}; open it again")
        connection.execute("pragma busy_timeout = 0")  # waiting is ours: between tries the mutex is free
    except BaseException:
        connection.close()
        raise
    return Session(connection, row[0], clock)
