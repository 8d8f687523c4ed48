"""OmniQ and Huey between two processes on one file.

Huey polls, here every 1 to 10 ms, and its waiting side every 1 ms: quicker than its defaults, at the price of an
idle CPU.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import peers
from between import HERE, IDLE, Times, omniq_between, process, start_of, whole_of

__all__ = ("huey_latency", "huey_round_trips", "omniq_latency", "omniq_round_trips")

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
    return start_of(_omniq(folder, n, IDLE))


def omniq_round_trips(folder: Path, n: int) -> float:
    """A second, one after the other."""
    return whole_of(_omniq(folder, n, 0))


def huey_latency(folder: Path, n: int) -> float:
    return start_of(_huey(folder, n, IDLE))


def huey_round_trips(folder: Path, n: int) -> float:
    return whole_of(_huey(folder, n, 0))


def _omniq(folder: Path, n: int, pause: float) -> Times:
    return asyncio.run(omniq_between(f"sqlite:///{folder / 'omniq.db'}", n, pause))


def _huey(folder: Path, n: int, pause: float) -> Times:
    _, clock = peers.huey_on(folder, peers.clock)
    with process([sys.executable, "-c", _CONSUMER, str(folder), str(HERE)], dict(os.environ)):
        clock().get(blocking=True, timeout=20, backoff=1.0, max_delay=0.001)
        times = []
        for _ in range(n):
            time.sleep(pause)
            began = time.monotonic()
            started = clock().get(blocking=True, timeout=20, backoff=1.0, max_delay=0.001)
            times.append((started - began, time.monotonic() - began))
    return times
