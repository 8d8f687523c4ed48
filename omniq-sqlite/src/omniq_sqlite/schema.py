"""The tables, their version, and the proof that a file is ours.

`application_id` says whose file it is, `user_version` which schema. An empty file becomes ours in one
transaction, so two processes that open it together cannot both create it.

One hot table with an integer rowid. Every index but that of the ids is partial, so a task in the middle of
its life stands in at most two. What exceeds INLINE bytes stands apart in `big`: an update rewrites the whole
row, and a claim and a settle are two updates.
"""

from __future__ import annotations

import sqlite3

from omniq.errors import StoreCorrupt, StoreRefused

__all__ = ("APPLICATION_ID", "INLINE", "VERSION", "accept", "prepare")

APPLICATION_ID = 0x4F6D6E51  # "OmnQ"
VERSION = 1
INLINE = 512
"""Bytes of a payload or result that still stand in the hot row."""

_TABLES = (
    "create table project(id integer primary key, name text not null unique)",
    """create table queue(id integer primary key, project int not null, name text not null,
         paused int not null default 0, unique(project, name))""",
    "create index q_paused on queue(project) where paused = 1",
    # lane = queue.id * 10 + priority. until: 1 = the key is freed by the first claim. held: the key while held.
    """create table task(
         seq integer primary key, project int not null, id blob not null, lane int not null, state int not null,
         run_at int not null, attempt int not null default 0, claim int not null default 0, lease_until int,
         cancel int not null default 0, failures int not null default 0, crashes int not null default 0,
         releases int not null default 0, snoozes int not null default 0, epoch int not null default 0,
         created_at int not null, enqueued_at int not null, started_at int, finished_at int,
         ttl int, expires_at int, keep int not null, purge_at int,
         held blob, ukey blob, until int, name text not null, worker text, reason text, tags text,
         digest blob not null, policy blob not null, payload blob, note blob, result blob, error blob)""",
    # The id of a task is unique in its project; lists walk this index backwards, newest first.
    "create unique index t_id on task(project, id)",
    "create index t_ready on task(lane, run_at, seq) where state = 1",
    "create index t_lease on task(project, lease_until) where state = 2",
    "create index t_expire on task(project, expires_at) where state <= 1 and expires_at is not null",
    "create index t_purge on task(project, purge_at) where state >= 3",
    "create unique index t_held on task(project, held) where held is not null",
    "create table big(seq integer primary key, payload blob, result blob)",
    "create table abandoned(claim integer primary key, at int not null)",
    """create table result(project int not null, id blob not null, attempt int not null, claim int not null,
         until int not null, value blob, error blob, primary key(project, id, attempt, claim)) without rowid""",
    "create index r_until on result(project, until)",
)


def accept(connection: sqlite3.Connection, path: str) -> bool:
    """Say whether the tables are there (False for an empty file); changes nothing.

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
        if version == VERSION:
            return True
    if owner or version or tables:
        raise StoreCorrupt(
            f"{path} belongs to another program (application_id {owner:#x}, {tables} tables and indexes); "
            "choose another path"
        )
    return False


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
    """Create the tables in an empty file."""
    if accept(connection, path):
        return
    connection.execute("begin immediate")
    try:
        if not accept(connection, path):  # somebody else may have made them while we waited
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"pragma application_id = {APPLICATION_ID}")
            connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
