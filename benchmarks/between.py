"""Between two processes: from the enqueue to the start of the body, and to the value back here.

The body gives CLOCK_MONOTONIC, which the processes of one host share.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniq import AsyncOmniQ

__all__ = ("HERE", "IDLE", "Times", "omniq_between", "process", "start_of", "whole_of")

HERE = Path(__file__).parent
IDLE = 0.02
"""Seconds between two tasks when latency is measured: the worker has gone to sleep again."""

Times = list[tuple[float, float]]
"""Seconds to the start of the body and to the value, a pair a task."""


def start_of(times: Times) -> float:
    """Milliseconds to the start of the body, median."""
    return 1000 * statistics.median(start for start, _ in times)


def whole_of(times: Times) -> float:
    """Round trips a second, one after the other, by the median."""
    return 1 / statistics.median(whole for _, whole in times)


async def omniq_between(url: str, n: int, pause: float) -> Times:
    """Time n tasks between here and a worker process on the same store."""
    from bench_app import clock

    environment = {**os.environ, "OMNIQ_BACKEND": url, "OMNIQ_LOG_LEVEL": "WARNING"}
    argv = [sys.executable, "-m", "omniq.cli", "worker", "bench_app:oq", "--concurrency", "10"]
    with process(argv, environment):
        async with AsyncOmniQ(url) as oq:
            await (await oq.enqueue(clock)).result(timeout=20)  # the worker is up
            times = []
            for _ in range(n):
                await asyncio.sleep(pause)
                began = time.monotonic()
                started = await (await oq.enqueue(clock)).result(timeout=20)
                times.append((started - began, time.monotonic() - began))
    return times


@contextmanager
def process(argv: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Run a worker process for a while."""
    worker = subprocess.Popen(argv, cwd=HERE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()
