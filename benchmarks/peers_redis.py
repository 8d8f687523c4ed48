"""SAQ and Taskiq on the same Redis server, each as its documentation has it, at concurrency 10.

SAQ enqueues one by one and keeps results and heartbeats; Taskiq's list broker hands a task over by BRPOP, without
a lease: what its worker held is gone when it dies. Results are kept by both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import server_redis
from between import IDLE, Times, process, start_of, whole_of
from saq import Queue, Worker
from saq.queue.base import JobError
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

__all__ = (
    "saq_bulk", "saq_drain", "saq_latency", "saq_round_trips", "saq_single",
    "taskiq_bulk", "taskiq_drain", "taskiq_single",
)  # fmt: skip

URL = "BENCH_REDIS_URL"
AT_ONCE = 500
"""Enqueues in flight in the bulk workloads, for peers without a call for many."""


async def saq_nothing(context: Any, *, number: int) -> int:
    """Give the argument back."""
    return number


async def saq_clock(context: Any) -> float:
    """Give the time that all processes of this host share."""
    return time.monotonic()


def saq_settings() -> dict[str, Any]:
    """What SAQ's worker process runs with."""
    return {"queue": Queue.from_url(os.environ[URL]), "functions": [saq_nothing, saq_clock], "concurrency": 10}


settings = saq_settings() if URL in os.environ else None


def broker_on(url: str) -> Any:
    """Make Taskiq's broker with its task."""
    made = ListQueueBroker(url).with_result_backend(RedisAsyncResultBackend(url))
    made.register_task(nothing, task_name="nothing")
    return made


async def nothing(number: int) -> int:
    """Give the argument back."""
    return number


async def _many(n: int, enqueue: Callable[[int], Awaitable[Any]]) -> None:
    for start in range(0, n, AT_ONCE):
        await asyncio.gather(*(enqueue(number) for number in range(start, min(start + AT_ONCE, n))))


async def _one_by_one(n: int, enqueue: Callable[[int], Awaitable[Any]]) -> None:
    for number in range(n):
        await enqueue(number)


def _saq(work: Callable[[int, Callable[[int], Awaitable[Any]]], Awaitable[None]], n: int) -> float:
    async def run() -> float:
        queue = Queue.from_url(server_redis.fresh())
        await queue.connect()
        began = time.perf_counter()
        await work(n, lambda number: queue.enqueue("saq_nothing", number=number))
        seconds = time.perf_counter() - began
        await queue.disconnect()
        return n / seconds

    return asyncio.run(run())


def saq_single(folder: Path, n: int) -> float:
    return _saq(_one_by_one, n)


def saq_bulk(folder: Path, n: int) -> float:
    return _saq(_many, n)


def saq_drain(folder: Path, n: int) -> float:
    async def run() -> float:
        queue = Queue.from_url(server_redis.fresh())
        await queue.connect()
        await _many(n, lambda number: queue.enqueue("saq_nothing", number=number))
        ended, all_ended = 0, asyncio.Event()

        async def count(context: Any) -> None:
            nonlocal ended
            ended += 1
            if ended == n:
                all_ended.set()

        worker = Worker(queue, functions=[saq_nothing], concurrency=10, after_process=count)
        began = time.perf_counter()
        running = asyncio.create_task(worker.start())
        await all_ended.wait()
        seconds = time.perf_counter() - began
        await worker.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return n / seconds

    return asyncio.run(run())


def saq_latency(folder: Path, n: int) -> float:
    return start_of(asyncio.run(_saq_between(n, IDLE)))


def saq_round_trips(folder: Path, n: int) -> float:
    return whole_of(asyncio.run(_saq_between(n, 0)))


async def _saq_between(n: int, pause: float) -> Times:
    url = server_redis.fresh()
    with process([sys.executable, "-m", "saq", "peers_redis.settings"], {**os.environ, URL: url}):
        queue = Queue.from_url(url)
        await queue.connect()
        await _saq_is_up(queue)
        times = await _timed(n, pause, lambda: queue.apply("saq_clock", timeout=20))
        await queue.disconnect()
    return times


async def _saq_is_up(queue: Queue) -> None:
    """Wait for the worker; while it starts, its sweep may abort what it has just been given."""
    for _ in range(20):
        with contextlib.suppress(JobError):
            await queue.apply("saq_clock", timeout=20)
            return
    raise RuntimeError("SAQ's worker aborts every job")


def _taskiq(work: Callable[[int, Callable[[int], Awaitable[Any]]], Awaitable[None]], n: int) -> float:
    async def run() -> float:
        made = broker_on(server_redis.fresh())
        await made.startup()
        task = made.find_task("nothing")
        began = time.perf_counter()
        await work(n, lambda number: task.kiq(number))
        seconds = time.perf_counter() - began
        await made.shutdown()
        return n / seconds

    return asyncio.run(run())


def taskiq_single(folder: Path, n: int) -> float:
    return _taskiq(_one_by_one, n)


def taskiq_bulk(folder: Path, n: int) -> float:
    return _taskiq(_many, n)


def taskiq_drain(folder: Path, n: int) -> float:
    async def run() -> float:
        made = broker_on(server_redis.fresh())
        made.is_worker_process = True
        ended, all_ended = 0, asyncio.Event()
        keep = made.result_backend.set_result

        async def counted(*args: Any, **kwargs: Any) -> None:
            nonlocal ended
            await keep(*args, **kwargs)
            ended += 1
            if ended == n:
                all_ended.set()

        made.result_backend.set_result = counted
        await made.startup()
        task = made.find_task("nothing")
        await _many(n, lambda number: task.kiq(number))
        began = time.perf_counter()
        running = asyncio.create_task(run_receiver_task(made, max_async_tasks=10))
        await all_ended.wait()
        seconds = time.perf_counter() - began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.shutdown()
        return n / seconds

    return asyncio.run(run())


async def _timed(n: int, pause: float, ask: Callable[[], Awaitable[float]]) -> Times:
    await ask()  # the worker is up
    times = []
    for _ in range(n):
        await asyncio.sleep(pause)
        began = time.monotonic()
        started = await ask()
        times.append((started - began, time.monotonic() - began))
    return times
