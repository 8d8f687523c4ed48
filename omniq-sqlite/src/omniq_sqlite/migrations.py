"""How a file of an older version becomes one of the next: forward only, inside the caller's transaction.

A process that has an older version open goes on while and after this happens: columns are only added, and with
defaults, so its statements stay true. What it does not know of (children of a task that it settles) is found by
the sweep of those that do.

Invariant: a migrated file and a new one have the same tables, columns and indexes.
"""

from __future__ import annotations

import sqlite3

__all__ = ("migrate",)

_TO_2 = (
    "alter table task add column links int not null default 0",
    "alter table task add column missing int not null default 0",
    "alter table task add column look_at int",
    "alter table task add column parents text",
    "alter table task add column on_parent int",
    "create index t_wait on task(project, look_at) where state = 0",
    "alter table big add column parents text",
    """create table edge(child int not null, parent blob not null, project int not null, open int not null,
         primary key(child, parent)) without rowid""",
    "create index e_parent on edge(project, parent, open)",
    """create table owed(id integer primary key, project int not null, task blob not null, good int not null,
         upto int not null, item blob)""",
    "create index o_next on owed(project)",
    "create index o_task on owed(project, task)",
    """create table timed(project int not null, key blob not null, task blob not null, ends int not null,
         primary key(project, key)) without rowid""",
    "create index k_ends on timed(project, ends)",
    """create table kv(project int not null, namespace text not null, key text not null, value blob not null,
         version int not null, due int, primary key(project, namespace, key)) without rowid""",
    "create index kv_due on kv(project, namespace, due) where due is not null",
    """create table event(seq integer primary key autoincrement, project int not null, id text not null,
         type text not null, at int not null, task text not null, name text not null, queue text not null,
         attempt int not null, worker text not null, schedule text not null, message text not null)""",
    "create unique index v_id on event(project, id)",
    "create index v_at on event(project, at)",
    "create index v_task on event(project, task) where task <> ''",
)

_STEPS = {1: _TO_2}
"""What brings a version to the next one."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Run every step from this version on."""
    while version in _STEPS:
        for statement in _STEPS[version]:
            connection.execute(statement)
        version += 1
