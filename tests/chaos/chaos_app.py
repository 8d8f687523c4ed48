"""The app under chaos: a body that writes down its start and its end, in a file of its own process.

A line is one `write` to a file opened for append, so a SIGKILL loses none that a body has passed. Times are
CLOCK_MONOTONIC, which all processes of one host share. A thread notes when the process itself was not run for
a while: on a full machine that is a freeze that nobody ordered.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
from pathlib import Path

import msgspec
import plant

import omniq
from omniq import AsyncOmniQ
from omniq.execution.context import Context
from omniq.models.values import Micros
from omniq.testing.history import Event, Kind

if os.environ.get("CHAOS_PLANT") == "unfenced":
    plant.take_the_fence_from_sqlite()

oq = AsyncOmniQ()


@functools.cache
def _journal() -> int:
    """Open this process's file at its first body; importing the app to enqueue writes nothing."""
    path = Path(os.environ["CHAOS_FOLDER"], f"body-{os.getpid()}.jsonl")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    threading.Thread(target=_watch_for_stalls, daemon=True).start()
    return descriptor


def now() -> Micros:
    """Give the time that all processes of this host share."""
    return time.monotonic_ns() // 1000


def _write(kind: Kind, at: Micros, me: Context[object] | None = None) -> None:
    event = Event(kind=kind, at=at, process=str(os.getpid()))
    if me is not None:
        event = msgspec.structs.replace(event, task=me.id, attempt=me.attempt, claim_id=me.fence.claim_id)
    os.write(_journal(), msgspec.json.encode(event) + b"\n")


def _watch_for_stalls() -> None:
    longest = round(float(os.environ["CHAOS_LEASE"]) * 1_000_000 / 3)
    last = now()
    while True:
        time.sleep(0.02)
        if (at := now()) - last > longest:
            _write(Kind.FROZEN, last)
            _write(Kind.THAWED, at)
        last = at


@oq.task(retries=3)
async def work(number: int, milliseconds: int) -> list[int]:
    """Take a little while, and give who did it."""
    me = omniq.current()
    _write(Kind.STARTED, now(), me)
    try:
        await asyncio.sleep(milliseconds / 1000)
    finally:
        _write(Kind.LEFT, now(), me)
    return [os.getpid(), me.attempt]
