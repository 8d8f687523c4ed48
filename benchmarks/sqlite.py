"""SQLite: enqueue, bulk enqueue, drain at concurrency 10, latency and round trip between two processes.

python benchmarks/sqlite.py --rounds 7 > proof/sqlite.md
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import floor_sqlite
import peers
import two_processes
from rounds import Contestant, Workload, main

from omniq import AsyncOmniQ, OmniQ


async def nothing(number: int) -> int:
    """Give the argument back."""
    return number


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'omniq.db'}"


def on_omniq(work: Callable[[AsyncOmniQ[Any], Any, int], Awaitable[float]]) -> Callable[[Path, int], float]:
    """Make a run of an async function that gets an open app, its no-op task and n."""

    async def inside(folder: Path, n: int) -> float:
        async with AsyncOmniQ(url_of(folder)) as oq:
            return await work(oq, oq.task(nothing), n)

    return lambda folder, n: asyncio.run(inside(folder, n))


@on_omniq
async def single_async(oq: AsyncOmniQ[Any], task: Any, n: int) -> float:
    began = time.perf_counter()
    for number in range(n):
        await task.enqueue(number)
    return n / (time.perf_counter() - began)


def single_sync(folder: Path, n: int) -> float:
    with OmniQ(url_of(folder)) as oq:
        task = oq.task(nothing)
        began = time.perf_counter()
        for number in range(n):
            task.enqueue(number)
        return n / (time.perf_counter() - began)


@on_omniq
async def bulk(oq: AsyncOmniQ[Any], task: Any, n: int) -> float:
    began = time.perf_counter()
    await oq.enqueue_many([task.bind(number) for number in range(n)])
    return n / (time.perf_counter() - began)


@on_omniq
async def drain(oq: AsyncOmniQ[Any], task: Any, n: int) -> float:
    await oq.enqueue_many([task.bind(number) for number in range(n)])
    began = time.perf_counter()
    async with oq.worker(concurrency=10) as worker:
        await worker.idle()
        seconds = time.perf_counter() - began
    return n / seconds


WORKLOADS = (
    Workload("single enqueue", "/s", 5_000,
             Contestant("floor: raw sqlite3", floor_sqlite.single_enqueue),
             Contestant("OmniQ async", single_async), Contestant("OmniQ sync", single_sync),
             Contestant("Huey", peers.huey_single), Contestant("litequeue", peers.litequeue_single)),
    Workload("bulk enqueue", "/s", 20_000,
             Contestant("floor: raw sqlite3", floor_sqlite.bulk_enqueue), Contestant("OmniQ", bulk),
             Contestant("Huey, one by one", peers.huey_single),
             Contestant("litequeue", peers.litequeue_bulk)),
    Workload("drain, one process, concurrency 10", "/s", 10_000,
             Contestant("floor: raw sqlite3", floor_sqlite.drain), Contestant("OmniQ", drain),
             Contestant("Huey", peers.huey_drain),
             Contestant("litequeue, no result kept", peers.litequeue_drain)),
    Workload("round trip, two processes", "/s", 200,
             Contestant("OmniQ", two_processes.omniq_round_trips),
             Contestant("Huey", two_processes.huey_round_trips)),
    Workload("latency of an idle worker, two processes: less is better", "ms", 200,
             Contestant("OmniQ", two_processes.omniq_latency),
             Contestant("Huey", two_processes.huey_latency)),
)  # fmt: skip

if __name__ == "__main__":
    main("SQLite", "WAL, synchronous NORMAL", WORKLOADS, ["omniq-core", "huey", "litequeue"])
