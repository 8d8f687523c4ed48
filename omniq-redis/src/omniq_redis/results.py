"""Results on a server, for tasks that live elsewhere: keyed by the whole fence, so an orphan is never served."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from omniq.errors import StoreClosed
from omniq.models.values import SECOND, Micros
from omniq.storage.base import Capabilities, Durability, Feature
from omniq.storage.records import Fence
from omniq.storage.results import BaseResultStorage, StoredResult
from omniq_redis.notify import Waiter
from omniq_redis.scripts import script
from omniq_redis.store import RedisStore
from omniq_redis.tasks.layout import fence_bytes

__all__ = ("RedisResultStorage",)

BATCH = 500
BACKSTOP = 5.0
"""Seconds after which a waiter asks again, told or not."""


class RedisResultStorage(RedisStore, BaseResultStorage):
    """Results of one project on one server."""

    channel = "put"
    mark_size = 28

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            features=Feature.MULTI_HOST | Feature.NOTIFY,
            batch_atomic=BATCH,
            max_payload=8 << 20,
            max_parents=0,
            durability=Durability.CRASH,
        )

    async def put(self, results: Sequence[tuple[Fence, StoredResult]]) -> None:
        self._client.check()
        for start in range(0, len(results), BATCH):
            args: list[bytes | int] = []
            for fence, one in results[start : start + BATCH]:
                kind, data = (b"v", one.value) if one.value is not None else (b"e", one.error)
                args += (fence_bytes(fence), one.keep, kind, data or b"")
            await self._client.run(script("results_put"), self._now(), *args)

    async def get(self, fences: Sequence[Fence]) -> list[StoredResult | None]:
        self._client.check()
        found: list[StoredResult | None] = []
        for start in range(0, len(fences), BATCH):
            keys = map(fence_bytes, fences[start : start + BATCH])
            now, *stored = await self._client.run(script("results_get"), self._now(), *keys)
            found += [None if one is None else _opened(one, now) for one in stored]
        return found

    async def delete(self, fences: Sequence[Fence]) -> None:
        self._client.check()
        for start in range(0, len(fences), BATCH):
            keys = map(fence_bytes, fences[start : start + BATCH])
            await self._client.run(script("results_drop"), self._now(), 0, *keys)

    async def purge(self, limit: int) -> int:
        purged = 0
        while purged < limit:
            want = min(limit - purged, BATCH)
            count: int = await self._client.run(script("results_drop"), self._now(), want)
            purged += count
            if count < want:
                break
        return purged

    async def wait(self, fences: Sequence[Fence], *, timeout: Micros) -> list[Fence]:
        if timeout <= 0 or not fences:
            return await self._present(fences)
        self._client.check()
        ear = self._ear
        assert ear is not None, "an open handle has an ear"
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout / SECOND
        waiter = Waiter({fence_bytes(one) for one in fences})
        ear.add(waiter)
        try:
            while True:
                await ear.listen()
                if ear.is_closed():
                    return []
                found = await self._present(fences)
                left = end - loop.time()
                if found or left <= 0:
                    return found
                await waiter.wait(min(left, BACKSTOP))
                if ear.is_closed():
                    return []
        except StoreClosed:  # during the wait
            return []
        finally:
            ear.remove(waiter)

    async def _present(self, fences: Sequence[Fence]) -> list[Fence]:
        return [fence for fence, one in zip(fences, await self.get(fences), strict=True) if one is not None]


def _opened(stored: bytes, now: Micros) -> StoredResult:
    keep = int.from_bytes(stored[:8], "big") - now
    data = stored[9:]
    if stored[8:9] == b"v":
        return StoredResult(value=data, keep=keep)
    return StoredResult(error=data, keep=keep)
