"""The task queue on a server: every operation of the contract, one script each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from omniq.errors import StoreClosed
from omniq.models.values import SECOND, Micros
from omniq.storage.base import Capabilities, Durability, Feature
from omniq.storage.records import (
    CancelAnswer,
    Claimed,
    ClaimedTask,
    DeleteAnswer,
    EnqueueAnswer,
    ExtendAnswer,
    Hold,
    KvEntry,
    NewTask,
    Page,
    QueueStats,
    RequeueAnswer,
    SettleAnswer,
    Settlement,
    Swept,
    TaskRecord,
    Where,
)
from omniq.storage.tasks import ANY_VERSION, BaseTaskQueue
from omniq_redis.notify import Waiter
from omniq_redis.store import RedisStore
from omniq_redis.tasks import admin, claim, kv, read, settle, write
from omniq_redis.tasks.layout import id_bytes, id_text

__all__ = ("CAPABILITIES", "RedisTaskQueue")

BACKSTOP = 5.0
"""Seconds after which a waiter asks again, told or not."""
CAPABILITIES = Capabilities(
    features=Feature.STRICT_ORDER | Feature.MULTI_HOST | Feature.NOTIFY | Feature.INDEXED_LIST | Feature.EXACT_DELAY,
    batch_atomic=write.BATCH,
    max_payload=8 << 20,
    max_parents=10_000,
    durability=Durability.CRASH,
)


class RedisTaskQueue(RedisStore, BaseTaskQueue):
    """Tasks of one project on one server, or on the one node of a cluster that has its slot."""

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def enqueue(self, tasks: Sequence[NewTask], *, fresh: bool = False) -> list[EnqueueAnswer]:
        write.check(tasks)
        if not tasks:
            self._client.check()
            return []
        return await write.enqueue(self._client, self._now(), tasks)

    async def claim(
        self,
        queues: Sequence[str],
        *,
        limit: int,
        lease: Micros,
        worker: str,
        claim_id: int,
        wait: Micros = 0,
    ) -> Claimed:
        ask = claim.Ask(queues, limit, lease, worker, claim_id)
        if limit <= 0:
            return Claimed(tasks=[], now=await self.server_now())
        answer = await claim.claim(self._client, self._now(), ask)
        if wait <= 0:
            return answer
        loop = asyncio.get_running_loop()
        end = loop.time() + wait / SECOND
        while not answer.tasks and not answer.expired and (left := end - loop.time()) > 0:
            try:
                answer = await claim.stand_by(self._client, self._now(), ask, answer.next_due, left)
            except StoreClosed:  # during the wait
                return Claimed(tasks=[], now=answer.now)
        return answer

    async def abandon(self, claim_id: int) -> None:
        await claim.abandon(self._client, self._now(), claim_id)

    async def extend(self, holds: Sequence[Hold], *, lease: Micros) -> list[ExtendAnswer]:
        return await settle.extend(self._client, self._now(), holds, lease)

    async def settle(self, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
        settle.check_settlements(settlements)
        return await settle.settle(self._client, self._now(), settlements)

    async def reclaim(self, *, limit: int, lease: Micros, worker: str, claim_id: int) -> list[ClaimedTask]:
        return await claim.reclaim(self._client, self._now(), limit, lease, worker, claim_id)

    async def cancel(self, ids: Sequence[str]) -> list[CancelAnswer]:
        return await admin.cancel(self._client, self._now(), ids)

    async def requeue(self, ids: Sequence[str], *, delay: Micros = 0) -> list[RequeueAnswer]:
        return await admin.requeue(self._client, self._now(), ids, delay)

    async def delete(self, ids: Sequence[str]) -> list[DeleteAnswer]:
        return await admin.delete(self._client, self._now(), ids)

    async def get(self, ids: Sequence[str], *, payload: bool = False, result: bool = False) -> list[TaskRecord | None]:
        return await read.get(self._client, self._now(), ids, payload=payload, result=result)

    async def stats(self, queues: Sequence[str] | None = None) -> list[QueueStats]:
        return await read.stats(self._client, self._now(), queues)

    async def wait_finished(self, ids: Sequence[str], *, timeout: Micros) -> list[str]:
        asked = list(dict.fromkeys(ids))
        if timeout <= 0 or not asked:
            return await read.ended(self._client, self._now(), asked, ask=False)
        self._client.check()
        ear = self._ear
        assert ear is not None, "an open handle has an ear"
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout / SECOND
        waiter = Waiter({id_bytes(one) for one in asked})
        ear.add(waiter)
        try:
            while True:
                await ear.listen()
                if ear.is_closed():
                    return []
                found = await read.ended(self._client, self._now(), asked, ask=True)
                left = end - loop.time()
                if found or left <= 0:
                    return found
                await waiter.wait(min(left, BACKSTOP))
                if waiter.heard:
                    heard = {id_text(mark) for mark in waiter.heard}
                    return [one for one in asked if one in heard]
                if ear.is_closed():
                    return []
        except StoreClosed:  # during the wait
            return []
        finally:
            ear.remove(waiter)

    async def set_paused(self, queues: Sequence[str], on: bool) -> None:
        await admin.set_paused(self._client, self._now(), queues, on)

    async def sweep(self, limit: int) -> Swept:
        return await admin.sweep(self._client, self._now(), limit)

    async def kv_get(self, namespace: str, key: str) -> KvEntry | None:
        return await kv.get(self._client, namespace, key)

    async def kv_put(
        self, namespace: str, key: str, value: bytes, *, expect: int = ANY_VERSION, due: Micros | None = None
    ) -> int | None:
        return await kv.put(self._client, self._now(), namespace, key, value, expect, due)

    async def kv_delete(self, namespace: str, key: str, *, expect: int = ANY_VERSION) -> bool:
        return await kv.delete(self._client, self._now(), namespace, key, expect)

    async def kv_list(
        self, namespace: str, *, limit: int = 100, after: str | None = None
    ) -> tuple[list[KvEntry], str | None]:
        return await kv.page(self._client, self._now(), namespace, limit, after)

    async def kv_due(self, namespace: str, *, limit: int = 100) -> tuple[list[KvEntry], Micros | None]:
        return await kv.due(self._client, self._now(), namespace, limit)

    async def list(self, where: Where, *, limit: int = 100, after: str | None = None) -> Page:
        return await read.page(self._client, self._now(), where, limit, after)
