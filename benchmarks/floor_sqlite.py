"""The floor: what a hand-written loop over the standard sqlite3 does with the same settings of the file.

No retries, no fences, no kinds; one hot table, the fewest statements that keep a task and its result.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from pathlib import Path

import msgspec

__all__ = ("bulk_enqueue", "connect", "drain", "single_enqueue")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_SCHEMA = """
create table if not exists task (
  seq integer primary key, id blob not null unique, state integer not null, priority integer not null,
  eligible_at integer not null, payload blob not null, claim integer, lease_until integer, result blob
);
create index if not exists ready on task (priority desc, eligible_at) where state = 1;
"""
_INSERT = "insert into task (id, state, priority, eligible_at, payload) values (?, 1, 5, ?, ?)"


def connect(folder: Path) -> sqlite3.Connection:
    """Open with the settings that all contestants get: WAL, synchronous NORMAL."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.executescript("pragma journal_mode=wal; pragma synchronous=normal;" + _SCHEMA)
    return connection


def _row(number: int) -> tuple[bytes, int, bytes]:
    return uuid.uuid4().bytes, time.time_ns() // 1000, _encode(["bench:nothing", [number], {}])


def single_enqueue(folder: Path, n: int) -> float:
    """A transaction a task."""
    connection = connect(folder)
    began = time.perf_counter()
    for number in range(n):
        connection.execute(_INSERT, _row(number))
    return n / (time.perf_counter() - began)


def bulk_enqueue(folder: Path, n: int) -> float:
    """One transaction for all."""
    connection = connect(folder)
    began = time.perf_counter()
    connection.execute("begin immediate")
    connection.executemany(_INSERT, map(_row, range(n)))
    connection.execute("commit")
    return n / (time.perf_counter() - began)


def drain(folder: Path, n: int) -> float:
    """Claims of 100, one asyncio Task each, every result stored, one settling transaction a batch."""
    bulk_enqueue(folder, n)
    return asyncio.run(_drain(connect(folder), n))


async def _drain(connection: sqlite3.Connection, n: int) -> float:
    async def body(payload: bytes) -> bytes:
        return _encode(_decode(payload)[1][0])

    began, done = time.perf_counter(), 0
    while done < n:
        rows = connection.execute(
            "update task set state = 2, claim = 1, lease_until = 1 where seq in (select seq from task "
            "where state = 1 order by priority desc, eligible_at limit 100) returning seq, payload"
        ).fetchall()
        results = [await one for one in [asyncio.create_task(body(payload)) for _, payload in rows]]
        connection.execute("begin immediate")
        connection.executemany(
            "update task set state = 3, result = ? where seq = ? and state = 2 and claim = 1",
            [(result, seq) for (seq, _), result in zip(rows, results, strict=True)],
        )
        connection.execute("commit")
        done += len(rows)
    return n / (time.perf_counter() - began)
