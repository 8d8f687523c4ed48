"""The tables, their version, and the proof that a file is ours.

`application_id` says whose file it is, `user_version` which schema. An empty file becomes ours in one
transaction, and an older one becomes this version in one (`migrations`), so two processes that open it together
cannot both do it, and a process that is killed on the way has done nothing.

One hot table with an integer rowid. Every index but that of the ids is partial, so a task in the middle of
its life stands in at most two. What exceeds INLINE bytes stands apart in `big`: an update rewrites the whole
row, and a claim and a settle are two updates.
"""

from __future__ import annotations

import sqlite3

from omniq.errors import StoreCorrupt, StoreRefused
from omniq_sqlite.migrations import migrate

__all__ = ("APPLICATION_ID", "INLINE", "VERSION", "accept", "is_behind", "prepare")

APPLICATION_ID = 0x4F6D6E51  # "OmnQ"
VERSION = 2
INLINE = 512
"""Bytes of a payload or result that still stand in the hot row."""

_TABLES = (
    "create table project(id integer primary key, name text not null unique)",
    """create table queue(id integer primary key, project int not null, name text not null,
         paused int not null default 0, unique(project, name))""",
    "create index q_paused on queue(project) where paused = 1",
    # lane = queue.id * 10 + priority. until: 1 = the key is freed by the first claim, 2 = it stands in `timed`.
    # held: the key while held. links: 1 = it has parents, 2 = it has or had children. missing: parents that have
    # not ended. look_at: when a waiting task has its parents looked at again. purge_at: null while needed.
    """create table task(
         seq integer primary key, project int not null, id blob not null, lane int not null, state int not null,
         run_at int not null, attempt int not null default 0, claim int not null default 0, lease_until int,
         cancel int not null default 0, failures int not null default 0, crashes int not null default 0,
         releases int not null default 0, snoozes int not null default 0, epoch int not null default 0,
         created_at int not null, enqueued_at int not null, started_at int, finished_at int,
         ttl int, expires_at int, keep int not null, purge_at int,
         held blob, ukey blob, until int, name text not null, worker text, reason text, tags text,
         digest blob not null, policy blob not null, payload blob, note blob, result blob, error blob,
         links int not null default 0, missing int not null default 0, look_at int, parents text, on_parent int)""",
    # The id of a task is unique in its project; lists walk this index backwards, newest first.
    "create unique index t_id on task(project, id)",
    "create index t_ready on task(lane, run_at, seq) where state = 1",
    "create index t_lease on task(project, lease_until) where state = 2",
    "create index t_expire on task(project, expires_at) where state <= 1 and expires_at is not null",
    "create index t_purge on task(project, purge_at) where state >= 3",
    "create index t_wait on task(project, look_at) where state = 0",
    "create unique index t_held on task(project, held) where held is not null",
    "create table big(seq integer primary key, payload blob, result blob, parents text)",
    # An edge lives until its child has ended; open = 1 until its parent has. A parent is named by its id, since a
    # child that is requeued may name one that is gone.
    """create table edge(child int not null, parent blob not null, project int not null, open int not null,
         primary key(child, parent)) without rowid""",
    "create index e_parent on edge(project, parent, open)",
    # What an ended task still owes, oldest first: an item to enqueue, or (item null) word to its children up to
    # the row `upto`, good or bad.
    """create table owed(id integer primary key, project int not null, task blob not null, good int not null,
         upto int not null, item blob)""",
    "create index o_next on owed(project)",
    "create index o_task on owed(project, task)",
    # Unique keys that are held for a time, whatever became of the task.
    """create table timed(project int not null, key blob not null, task blob not null, ends int not null,
         primary key(project, key)) without rowid""",
    "create index k_ends on timed(project, ends)",
    """create table kv(project int not null, namespace text not null, key text not null, value blob not null,
         version int not null, due int, primary key(project, namespace, key)) without rowid""",
    "create index kv_due on kv(project, namespace, due) where due is not null",
    # A number is never given twice: whoever reads on behind a number that was purged must not miss what came after.
    """create table event(seq integer primary key autoincrement, project int not null, id text not null,
         type text not null, at int not null, task text not null, name text not null, queue text not null,
         attempt int not null, worker text not null, schedule text not null, message text not null)""",
    "create unique index v_id on event(project, id)",
    "create index v_at on event(project, at)",
    "create index v_task on event(project, task) where task <> ''",
    "create table abandoned(claim integer primary key, at int not null)",
    """create table result(project int not null, id blob not null, attempt int not null, claim int not null,
         until int not null, value blob, error blob, primary key(project, id, attempt, claim)) without rowid""",
    "create index r_until on result(project, until)",
)


def accept(connection: sqlite3.Connection, path: str) -> int:
    """Give the version of the file, 0 where it is empty; changes nothing.

    Raises:
        StoreCorrupt: the file is another program's, or of a newer version.
        StoreRefused: the SQLite library is too old.
    """
    if sqlite3.sqlite_version_info < (3, 38):
        raise StoreRefused(f"SQLite {sqlite3.sqlite_version} is too old; 3.38 or newer is needed")
    owner, version, tables = _marks(connection)
    if owner == APPLICATION_ID:
        if version > VERSION:
            raise StoreCorrupt(f"{path} has schema {version}, this version reads up to {VERSION}; upgrade omniq-sqlite")
        if version > 0:
            return version
    if owner or version or tables:
        raise StoreCorrupt(
            f"{path} belongs to another program (application_id {owner:#x}, {tables} tables and indexes); "
            "choose another path"
        )
    return 0


def is_behind(connection: sqlite3.Connection, path: str) -> bool:
    """Say whether the file is ours and of an older version, so that somebody is to migrate it or is at it."""
    return 0 < accept(connection, path) < VERSION


def _marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Read owner, version and number of tables as of one moment.

    Read apart, they showed the tables of another process that was just making the file ours, and no owner yet.
    """
    alone = not connection.in_transaction
    if alone:
        connection.execute("begin")
    try:
        tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
        owner = connection.execute("pragma application_id").fetchone()[0]
        version = connection.execute("pragma user_version").fetchone()[0]
    finally:
        if alone:
            connection.execute("rollback")
    return owner, version, tables


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables in an empty file, or bring an older one to this version."""
    if accept(connection, path) == VERSION:
        return
    connection.execute("begin immediate")
    try:
        found = accept(connection, path)  # somebody else may have done it while we waited
        if found == 0:
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"pragma application_id = {APPLICATION_ID}")
        elif found < VERSION:
            migrate(connection, found)
        if found != VERSION:
            connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
