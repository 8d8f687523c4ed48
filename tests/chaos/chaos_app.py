"""The app under chaos: a body that writes down its start and its end, in a file of its own process.

A line is one `write` to a file opened for append, so a SIGKILL loses none that a body has passed. Times are
CLOCK_MONOTONIC, which all processes of one host share. A thread notes when the process itself was not run for
a while: on a full machine that is a freeze that nobody ordered.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import threading
import time
from pathlib import Path

import omniq
from omniq import AsyncOmniQ

oq = AsyncOmniQ()


@functools.cache
def _journal() -> int:
    """Open this process's file at its first body; importing the app to enqueue writes nothing."""
    path = Path(os.environ["CHAOS_FOLDER"], f"body-{os.getpid()}.jsonl")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    threading.Thread(target=_watch_for_stalls, daemon=True).start()
    return descriptor


def _write(op: str, **facts: object) -> None:
    line = {"op": op, "pid": os.getpid(), "at": time.monotonic(), **facts}
    os.write(_journal(), json.dumps(line).encode() + b"\n")


def _watch_for_stalls() -> None:
    longest = float(os.environ["CHAOS_LEASE"]) / 3
    last = time.monotonic()
    while True:
        time.sleep(0.02)
        now = time.monotonic()
        if now - last > longest:
            _write("stall", since=last)
        last = now


@oq.task(retries=3)
async def work(number: int, milliseconds: int) -> list[int]:
    """Take a little while, and give who did it."""
    me = omniq.current()
    _write("start", id=me.id, attempt=me.attempt, claim=me.fence.claim_id)
    await asyncio.sleep(milliseconds / 1000)
    _write("end", id=me.id, attempt=me.attempt, claim=me.fence.claim_id)
    return [os.getpid(), me.attempt]
