"""Huey and litequeue on the same SQLite settings: WAL, synchronous NORMAL.

Huey is drained by its own consumer with 10 threads and stores every result; it has no bulk enqueue. litequeue
has no worker: a loop of pop, run, done stands in, which stores no result, retries nothing, recovers nothing.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import MemoryHuey, SqliteHuey
from huey.consumer import Consumer
from huey.storage import SqliteStorage
from litequeue import LiteQueue

__all__ = (
    "clock",
    "huey_drain",
    "huey_memory",
    "huey_on",
    "huey_single",
    "litequeue_bulk",
    "litequeue_drain",
    "litequeue_single",
)


class _Normal(SqliteStorage):
    """Huey offers synchronous FULL or OFF only; all contestants get NORMAL."""

    def _create_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._create_connection()
        connection.execute("pragma synchronous=1")
        return connection


def _nothing(number: int) -> int:
    return number


def clock() -> float:
    """Give the time that all processes of this host share."""
    return time.monotonic()


def huey_on(folder: Path, function: Callable[..., Any] = _nothing) -> tuple[Any, Any]:
    """Give a Huey that knows all tasks, and the one that is asked for."""
    huey = SqliteHuey("bench", filename=str(folder / "huey.db"), storage_class=_Normal)
    tasks = {known: huey.task()(known) for known in (_nothing, clock)}
    return huey, tasks[function]


def huey_single(folder: Path, n: int) -> float:
    _, task = huey_on(folder)
    began = time.perf_counter()
    for number in range(n):
        task(number)
    return n / (time.perf_counter() - began)


def huey_drain(folder: Path, n: int) -> float:
    huey, task = huey_on(folder)
    for number in range(n):
        task(number)
    return _consumed(huey, n)


def huey_memory(folder: Path, n: int) -> float:
    huey = MemoryHuey("bench")
    task = huey.task()(_nothing)
    began = time.perf_counter()
    for number in range(n):
        task(number)
    while (one := huey.dequeue()) is not None:
        huey.execute(one)
    return n / (time.perf_counter() - began)


def _consumed(huey: Any, n: int) -> float:
    consumer = Consumer(huey, workers=10, worker_type="thread", periodic=False, initial_delay=0.001, max_delay=0.01)
    began = time.perf_counter()
    consumer.start()
    while huey.result_count() < n:
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    consumer.stop(graceful=True)
    return n / seconds


def litequeue_single(folder: Path, n: int) -> float:
    queue = LiteQueue(folder / "lite.db")
    began = time.perf_counter()
    for number in range(n):
        queue.put(json.dumps([number]))
    return n / (time.perf_counter() - began)


def litequeue_bulk(folder: Path, n: int) -> float:
    queue = LiteQueue(folder / "lite.db")
    began = time.perf_counter()
    with queue.transaction():
        for number in range(n):
            queue.put(json.dumps([number]))
    return n / (time.perf_counter() - began)


def litequeue_drain(folder: Path, n: int) -> float:
    litequeue_bulk(folder, n)
    queue = LiteQueue(folder / "lite.db")
    began = time.perf_counter()
    while (message := queue.pop()) is not None:
        _nothing(json.loads(message.data)[0])
        queue.done(message.message_id)
    return n / (time.perf_counter() - began)
