"""Between two processes on one file: from the enqueue to the start of the body, and to the value back here.

The body gives CLOCK_MONOTONIC, which the processes of one host share. Huey polls, here every 1 to 10 ms, and its
waiting side every 1 ms: quicker than its defaults, at the price of an idle CPU.
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

import peers

from omniq import AsyncOmniQ

__all__ = ("huey_latency", "huey_round_trips", "omniq_latency", "omniq_round_trips")

HERE = Path(__file__).parent
IDLE = 0.02
"""Seconds between two tasks when latency is measured: the worker has gone to sleep again."""

Times = list[tuple[float, float]]
"""Seconds to the start of the body and to the value, a pair a task."""

_CONSUMER = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
import peers
from huey.consumer import Consumer
huey, _ = peers.huey_on(pathlib.Path(sys.argv[1]))
Consumer(huey, workers=10, periodic=False, initial_delay=0.001, max_delay=0.01).run()
"""


def omniq_latency(folder: Path, n: int) -> float:
    """Milliseconds, median; the worker is idle."""
    return _start(asyncio.run(_omniq(folder, n, IDLE)))


def omniq_round_trips(folder: Path, n: int) -> float:
    """A second, one after the other."""
    return _whole(asyncio.run(_omniq(folder, n, 0)))


def huey_latency(folder: Path, n: int) -> float:
    return _start(_huey(folder, n, IDLE))


def huey_round_trips(folder: Path, n: int) -> float:
    return _whole(_huey(folder, n, 0))


def _start(times: Times) -> float:
    return 1000 * statistics.median(start for start, _ in times)


def _whole(times: Times) -> float:
    return 1 / statistics.median(whole for _, whole in times)


async def _omniq(folder: Path, n: int, pause: float) -> Times:
    from bench_app import clock

    url = f"sqlite:///{folder / 'omniq.db'}"
    environment = {**os.environ, "OMNIQ_BACKEND": url, "OMNIQ_LOG_LEVEL": "WARNING"}
    argv = [sys.executable, "-m", "omniq.cli", "worker", "bench_app:oq", "--concurrency", "10"]
    with _process(argv, environment):
        async with AsyncOmniQ(url) as oq:
            await (await oq.enqueue(clock)).result(timeout=20)  # the worker is up
            times = []
            for _ in range(n):
                await asyncio.sleep(pause)
                began = time.monotonic()
                started = await (await oq.enqueue(clock)).result(timeout=20)
                times.append((started - began, time.monotonic() - began))
    return times


def _huey(folder: Path, n: int, pause: float) -> Times:
    _, clock = peers.huey_on(folder, peers.clock)
    with _process([sys.executable, "-c", _CONSUMER, str(folder), str(HERE)], dict(os.environ)):
        clock().get(blocking=True, timeout=20, backoff=1.0, max_delay=0.001)
        times = []
        for _ in range(n):
            time.sleep(pause)
            began = time.monotonic()
            started = clock().get(blocking=True, timeout=20, backoff=1.0, max_delay=0.001)
            times.append((started - began, time.monotonic() - began))
    return times


@contextmanager
def _process(argv: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(argv, cwd=HERE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
