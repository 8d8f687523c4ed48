"""SQLite: enqueue, bulk enqueue, drain at concurrency 10, latency and round trip between two processes.

python benchmarks/sqlite.py --rounds 7 > proof/sqlite.md
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import floor_sqlite
import peers
from rounds import Contestant, Workload, main

from omniq import AsyncOmniQ, OmniQ

HERE = Path(__file__).parent


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
    async with oq.worker(concurrency=10):
        await oq.run_until_idle()
    return n / (time.perf_counter() - began)


@contextmanager
def worker_elsewhere(folder: Path) -> Iterator[None]:
    os.environ["OMNIQ_BACKEND"] = url_of(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "omniq.cli", "worker", "bench_app:oq", "--concurrency", "10"],
        cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def round_trips(folder: Path, n: int) -> float:
    """One after the other: enqueue, wait for the value that another process gives. Seconds, median."""
    return asyncio.run(_round_trips(folder, n))


async def _round_trips(folder: Path, n: int) -> float:
    with worker_elsewhere(folder):
        from bench_app import nothing as task

        async with AsyncOmniQ(url_of(folder)) as oq:
            await (await oq.enqueue(task, 0)).result(timeout=20)  # the worker is up
            took = []
            for number in range(n):
                began = time.perf_counter()
                await (await oq.enqueue(task, number)).result(timeout=20)
                took.append(time.perf_counter() - began)
    return 1 / statistics.median(took)


def huey_round_trips(folder: Path, n: int) -> float:
    _, task = peers.huey_on(folder)
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2])\n"
        "import peers; from huey.consumer import Consumer\n"
        "huey, _ = peers.huey_on(pathlib.Path(sys.argv[1]))\n"
        "Consumer(huey, workers=10, periodic=False, initial_delay=0.001, max_delay=0.01).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder), str(HERE)], stderr=subprocess.DEVNULL)
    try:
        task(0).get(blocking=True, timeout=20, backoff=1.0, max_delay=0.001)
        took = []
        for number in range(n):
            began = time.perf_counter()
            task(number).get(blocking=True, timeout=20, backoff=1.0, max_delay=0.001)
            took.append(time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()
    return 1 / statistics.median(took)


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
             Contestant("OmniQ", round_trips), Contestant("Huey", huey_round_trips)),
)  # fmt: skip

if __name__ == "__main__":
    main("SQLite", "WAL, synchronous NORMAL", WORKLOADS, ["omniq-core", "huey", "litequeue"])
