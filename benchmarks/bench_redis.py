"""Redis: enqueue, bulk enqueue, drain at concurrency 10, latency and round trip between two processes.

The server is this script's own, without persistence. SAQ and Taskiq go into an environment of their own, since
taskiq-redis holds redis-py below 8 (a file named redis.py here would hide that package):

pip install "saq[redis]" "taskiq>=0.12,<0.13" taskiq-redis click
python benchmarks/bench_redis.py --rounds 7 > proof/redis.md
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import floor_redis
import peers_redis
import server_redis
from between import IDLE, omniq_between, start_of, whole_of
from rounds import Contestant, Workload, main

from omniq import AsyncOmniQ, OmniQ


async def nothing(number: int) -> int:
    """Give the argument back."""
    return number


def on_omniq(work: Callable[[AsyncOmniQ[Any], Any, int], Awaitable[float]]) -> Callable[[Path, int], float]:
    """Make a run of an async function that gets an open app, its no-op task and n."""

    async def inside(n: int) -> float:
        async with AsyncOmniQ(server_redis.fresh()) as oq:
            return await work(oq, oq.task(nothing), n)

    return lambda folder, n: asyncio.run(inside(n))


@on_omniq
async def single_async(oq: AsyncOmniQ[Any], task: Any, n: int) -> float:
    began = time.perf_counter()
    for number in range(n):
        await task.enqueue(number)
    return n / (time.perf_counter() - began)


def single_sync(folder: Path, n: int) -> float:
    with OmniQ(server_redis.fresh()) as oq:
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


def latency(folder: Path, n: int) -> float:
    return start_of(asyncio.run(omniq_between(server_redis.fresh(), n, IDLE)))


def round_trips(folder: Path, n: int) -> float:
    return whole_of(asyncio.run(omniq_between(server_redis.fresh(), n, 0)))


# Taskiq takes no part between processes: its result did not come back there within minutes.
WORKLOADS = (
    Workload("single enqueue", "/s", 5_000,
             Contestant("floor: LPUSH", floor_redis.single_enqueue),
             Contestant("OmniQ async", single_async), Contestant("OmniQ sync", single_sync),
             Contestant("SAQ", peers_redis.saq_single), Contestant("Taskiq", peers_redis.taskiq_single)),
    Workload("bulk enqueue", "/s", 20_000,
             Contestant("floor: LPUSH of 500", floor_redis.bulk_enqueue), Contestant("OmniQ", bulk),
             Contestant("SAQ, 500 in flight", peers_redis.saq_bulk),
             Contestant("Taskiq, 500 in flight", peers_redis.taskiq_bulk)),
    Workload("drain, one process, concurrency 10", "/s", 10_000,
             Contestant("floor: one script a step", floor_redis.drain_by_scripts),
             Contestant("floor: pipelines", floor_redis.drain_by_pipelines), Contestant("OmniQ", drain),
             Contestant("SAQ", peers_redis.saq_drain), Contestant("Taskiq, no lease", peers_redis.taskiq_drain)),
    Workload("round trip, two processes", "/s", 50,
             Contestant("floor: LPUSH, BLPOP and back", floor_redis.round_trips),
             Contestant("OmniQ", round_trips), Contestant("SAQ", peers_redis.saq_round_trips)),
    Workload("latency of an idle worker, two processes: less is better", "ms", 50,
             Contestant("floor: LPUSH, BLPOP", floor_redis.latency), Contestant("OmniQ", latency),
             Contestant("SAQ", peers_redis.saq_latency)),
)  # fmt: skip

if __name__ == "__main__":
    main(
        "Redis",
        f"Redis {server_redis.version()} without persistence",
        WORKLOADS,
        ["omniq-core", "redis", "saq", "taskiq", "taskiq-redis"],
    )
