"""The floor: what hand-written loops over redis-py do on the same server.

A task is a hash by id and an entry in a zset; claims take 100, every result is stored. Two drains: one whose steps
go in pipelines, as most clients write them, and one whose steps are one script each, which is the harder floor.
No retries, no fences, no kinds.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import redis.asyncio
import server_redis

__all__ = ("bulk_enqueue", "drain_by_pipelines", "drain_by_scripts", "latency", "round_trips", "single_enqueue")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
BATCH = 500

_CLAIM = """
local ids = {}
for n, member in ipairs(redis.call('ZPOPMIN', KEYS[1], ARGV[1])) do
  if n % 2 == 1 then ids[#ids + 1] = member end
end
if #ids == 0 then return {} end
local leases = {}
for n, id in ipairs(ids) do leases[2 * n - 1], leases[2 * n] = ARGV[2], id end
redis.call('ZADD', KEYS[2], unpack(leases))
return {ids, redis.call('HMGET', KEYS[3], unpack(ids))}
"""
_SETTLE = """
local ids = {}
for n = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[n] end
redis.call('ZREM', KEYS[1], unpack(ids))
redis.call('HDEL', KEYS[2], unpack(ids))
redis.call('HSET', KEYS[3], unpack(ARGV))
return #ids
"""


def _connect() -> Any:
    return redis.asyncio.Redis.from_url(server_redis.fresh(), protocol=2)


def _task(number: int) -> tuple[bytes, bytes]:
    return uuid.uuid4().bytes, _encode(["bench:nothing", [number], {}])


async def body(payload: bytes) -> bytes:
    """Do nothing, as a task."""
    return _encode(_decode(payload)[1][0])


def single_enqueue(folder: Path, n: int) -> float:
    """One LPUSH a task: not even an id."""

    async def run() -> float:
        async with _connect() as client:
            await client.ping()
            began = time.perf_counter()
            for number in range(n):
                await client.lpush("list", _task(number)[1])
            return n / (time.perf_counter() - began)

    return asyncio.run(run())


def bulk_enqueue(folder: Path, n: int) -> float:
    """One LPUSH for 500."""

    async def run() -> float:
        async with _connect() as client:
            await client.ping()
            began = time.perf_counter()
            for start in range(0, n, BATCH):
                await client.lpush("list", *(_task(number)[1] for number in range(start, min(start + BATCH, n))))
            return n / (time.perf_counter() - began)

    return asyncio.run(run())


async def _fill(client: Any, n: int) -> None:
    for start in range(0, n, BATCH):
        tasks = dict(_task(number) for number in range(start, min(start + BATCH, n)))
        await client.hset("tasks", mapping=tasks)
        await client.zadd("queue", dict.fromkeys(tasks, time.time()))


def drain_by_pipelines(folder: Path, n: int) -> float:
    """Claims of 100, one asyncio Task each, every result stored; a pipeline a step."""

    async def run() -> float:
        async with _connect() as client:
            await _fill(client, n)
            began, done = time.perf_counter(), 0
            while done < n:
                ids = [member for member, _ in await client.zpopmin("queue", 100)]
                async with client.pipeline(transaction=True) as pipe:
                    pipe.zadd("leases", dict.fromkeys(ids, time.time()))
                    pipe.hmget("tasks", ids)
                    _, payloads = await pipe.execute()
                results = [await one for one in [asyncio.create_task(body(payload)) for payload in payloads]]
                async with client.pipeline(transaction=True) as pipe:
                    for id_, result in zip(ids, results, strict=True):
                        pipe.zrem("leases", id_)
                        pipe.hdel("tasks", id_)
                        pipe.hset("results", id_, result)
                    await pipe.execute()
                done += len(ids)
            return n / (time.perf_counter() - began)

    return asyncio.run(run())


def drain_by_scripts(folder: Path, n: int) -> float:
    """Claims of 100, one asyncio Task each, every result stored; a script a step, a claim ahead of the work."""

    async def run() -> float:
        async with _connect() as client:
            await _fill(client, n)
            claim, settle = client.register_script(_CLAIM), client.register_script(_SETTLE)
            keys = ["queue", "leases", "tasks"]

            async def work() -> None:
                while found := await claim(keys=keys, args=[100, time.time()]):
                    ids, payloads = found
                    results = [await one for one in [asyncio.create_task(body(payload)) for payload in payloads]]
                    flat = [part for pair in zip(ids, results, strict=True) for part in pair]
                    await settle(keys=["leases", "tasks", "results"], args=flat)

            began = time.perf_counter()
            await asyncio.gather(work(), work())
            return n / (time.perf_counter() - began)

    return asyncio.run(run())


_ECHO = """
import sys, time, redis
client = redis.Redis.from_url(sys.argv[1], protocol=2)
while True:
    mark = client.blpop(["ask"], timeout=0)[1]
    client.lpush("answer:" + mark.decode(), repr(time.monotonic()))
"""


def latency(folder: Path, n: int) -> float:
    """Milliseconds from an LPUSH to a BLPOP in another process, median."""
    from between import IDLE, start_of

    return start_of(asyncio.run(_echoed(n, IDLE)))


def round_trips(folder: Path, n: int) -> float:
    """LPUSH there and LPUSH back, one after the other."""
    from between import whole_of

    return whole_of(asyncio.run(_echoed(n, 0)))


async def _echoed(n: int, pause: float) -> list[tuple[float, float]]:
    import os
    import sys

    from between import process

    url = server_redis.fresh()
    with process([sys.executable, "-c", _ECHO, url], dict(os.environ)):
        async with redis.asyncio.Redis.from_url(url, protocol=2, socket_timeout=None) as client:
            times = []
            for number in range(-1, n):  # the first one waits for the process
                await asyncio.sleep(pause)
                began = time.monotonic()
                await client.lpush("ask", str(number))
                answer = await client.blpop([f"answer:{number}"], timeout=0)
                times.append((float(answer[1]) - began, time.monotonic() - began))
    return times[1:]
