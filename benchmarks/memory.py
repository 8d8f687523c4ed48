"""Memory: enqueue and execute in one process, every result kept.

python benchmarks/memory.py --rounds 7 > proof/memory.md
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path

import msgspec
import peers
from rounds import Contestant, Workload, main

from omniq import AsyncOmniQ

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


async def nothing(number: int) -> int:
    """Give the argument back."""
    return number


def floor(folder: Path, n: int) -> float:
    """A deque of encoded calls, one asyncio Task each, encoded results in a dict."""

    async def inside() -> float:
        began = time.perf_counter()
        waiting = deque((number, _encode([number])) for number in range(n))
        results: dict[int, bytes] = {}
        while waiting:
            batch = [waiting.popleft() for _ in range(min(100, len(waiting)))]
            started = [(key, asyncio.create_task(nothing(*_decode(payload)))) for key, payload in batch]
            for key, one in started:
                results[key] = _encode(await one)
        return n / (time.perf_counter() - began)

    return asyncio.run(inside())


def omniq(folder: Path, n: int) -> float:
    async def inside() -> float:
        async with AsyncOmniQ("memory://") as oq:
            task = oq.task(nothing)
            began = time.perf_counter()
            await oq.enqueue_many([task.bind(number) for number in range(n)])
            async with oq.worker(concurrency=10) as worker:
                await worker.idle()
                seconds = time.perf_counter() - began
            return n / seconds

    return asyncio.run(inside())


WORKLOADS = (
    Workload("enqueue and execute", "/s", 10_000,
             Contestant("floor: deque and asyncio", floor), Contestant("OmniQ", omniq),
             Contestant("Huey", peers.huey_memory)),
)  # fmt: skip

if __name__ == "__main__":
    main("Memory", "none", WORKLOADS, ["omniq-core", "huey"])
