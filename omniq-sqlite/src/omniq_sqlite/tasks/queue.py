"""The task queue in one file: every operation of the contract, handed to the database as one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from omniq.direct import is_direct
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
from omniq_sqlite.bell import FINISHED, WORK
from omniq_sqlite.session import Session
from omniq_sqlite.store import SQLiteStore
from omniq_sqlite.tasks import admin, claim, entering, follow_ups, kv, read, settle, sweep, write

__all__ = ("SQLiteTaskQueue",)

BACKSTOP = 5.0
"""Seconds after which a waiter asks again, rung or not."""


class SQLiteTaskQueue(SQLiteStore, BaseTaskQueue):
    """Tasks of one project in one file."""

    @property
    def capabilities(self) -> Capabilities:
        full = self._options.synchronous == "FULL"
        return Capabilities(
            features=Feature.STRICT_ORDER
            | Feature.NOTIFY
            | Feature.INDEXED_LIST
            | Feature.EXACT_DELAY
            | Feature.DIRECT,
            batch_atomic=1 << 30,
            max_payload=64 << 20,
            max_parents=10_000,
            durability=Durability.POWER if full else Durability.CRASH,
        )

    async def enqueue(self, tasks: Sequence[NewTask], *, fresh: bool = False) -> list[EnqueueAnswer]:
        if not tasks:
            return []
        entering.check(tasks)
        return await self._database.run(
            partial(entering.enqueue, tasks=tasks),
            rows=len(tasks),
            quick=partial(write.enqueue_one, task=tasks[0])
            if len(tasks) == 1 and entering.is_plain(tasks[0])
            else None,
        )

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
        ask = partial(claim.claim, queues=queues, limit=limit, lease=lease, worker=worker, claim_id=claim_id)
        if wait <= 0 or is_direct():
            return await self._claim(ask, limit)
        ear = await self._database.ear()
        loop = asyncio.get_running_loop()
        end = loop.time() + wait / SECOND
        while True:
            seen = ear.count(WORK)
            answer = await self._claim(ask, limit)
            left = end - loop.time()
            if answer.tasks or answer.expired or left <= 0:
                return answer
            due = BACKSTOP if answer.next_due is None else answer.next_due / SECOND
            await ear.wait(WORK, seen, min(left, due, BACKSTOP))
            if ear.closed:
                return answer

    async def _claim(self, ask: Callable[[Session], tuple[Claimed, bool]], limit: int) -> Claimed:
        answer, owes = await self._database.run(ask, rows=limit)
        if owes:
            await self._carry_on()
        return answer

    async def abandon(self, claim_id: int) -> None:
        await self._database.run(partial(claim.abandon, claim_id=claim_id))

    async def extend(self, holds: Sequence[Hold], *, lease: Micros) -> list[ExtendAnswer]:
        if not holds:
            return []
        return await self._database.run(partial(settle.extend, holds=holds, lease=lease), rows=len(holds))

    async def settle(self, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
        settle.check_settlements(settlements)
        if not settlements:
            return []
        answers, owes = await self._database.run(
            partial(settle.settle, settlements=settlements),
            rows=len(settlements),
        )
        if owes:
            await self._carry_on()
        return answers

    async def reclaim(self, *, limit: int, lease: Micros, worker: str, claim_id: int) -> list[ClaimedTask]:
        return await self._database.run(
            partial(claim.reclaim, limit=limit, lease=lease, worker=worker, claim_id=claim_id)
        )

    async def cancel(self, ids: Sequence[str]) -> list[CancelAnswer]:
        answers, owes = await self._database.run(partial(admin.cancel, ids=ids), rows=len(ids))
        if owes:
            await self._carry_on()
        return answers

    async def _carry_on(self) -> None:
        """Carry out what endings owe, piece by piece, so that calls of others get in between."""
        while await self._database.run(follow_ups.carry_on):
            pass

    async def requeue(self, ids: Sequence[str], *, delay: Micros = 0) -> list[RequeueAnswer]:
        return await self._database.run(partial(admin.requeue, ids=ids, delay=delay), rows=len(ids))

    async def delete(self, ids: Sequence[str]) -> list[DeleteAnswer]:
        return await self._database.run(partial(admin.delete, ids=ids), rows=len(ids))

    async def get(self, ids: Sequence[str], *, payload: bool = False, result: bool = False) -> list[TaskRecord | None]:
        return await self._database.run(
            partial(read.get, ids=ids, payload=payload, result=result), rows=len(ids), writes=False
        )

    async def stats(self, queues: Sequence[str] | None = None) -> list[QueueStats]:
        return await self._database.run(partial(read.stats, queues=queues), writes=False)

    async def wait_finished(self, ids: Sequence[str], *, timeout: Micros) -> list[str]:
        ask = partial(read.ended, ids=ids)
        if timeout <= 0 or is_direct():
            return await self._database.run(ask, rows=len(ids), writes=False)
        ear = await self._database.ear()
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout / SECOND
        while True:
            seen = ear.count(FINISHED)
            answer = await self._database.run(ask, rows=len(ids), writes=False)
            left = end - loop.time()
            if answer or left <= 0:
                return answer
            await ear.wait(FINISHED, seen, min(left, BACKSTOP))
            if ear.closed:
                return []

    async def set_paused(self, queues: Sequence[str], on: bool) -> None:
        await self._database.run(partial(admin.set_paused, queues=queues, on=on), rows=len(queues))

    async def sweep(self, limit: int) -> Swept:
        return await self._database.run(partial(sweep.sweep, limit=limit))

    async def list(self, where: Where, *, limit: int = 100, after: str | None = None) -> Page:
        return await self._database.run(partial(read.page, where=where, limit=limit, after=after), writes=False)

    async def kv_get(self, namespace: str, key: str) -> KvEntry | None:
        return await self._database.run(partial(kv.get, namespace=namespace, key=key), rows=1, writes=False)

    async def kv_put(
        self, namespace: str, key: str, value: bytes, *, expect: int = ANY_VERSION, due: Micros | None = None
    ) -> int | None:
        put = partial(kv.put, namespace=namespace, key=key, value=value, expect=expect, due=due)
        return await self._database.run(put, rows=1)

    async def kv_delete(self, namespace: str, key: str, *, expect: int = ANY_VERSION) -> bool:
        return await self._database.run(partial(kv.delete, namespace=namespace, key=key, expect=expect), rows=1)

    async def kv_list(
        self, namespace: str, *, limit: int = 100, after: str | None = None
    ) -> tuple[list[KvEntry], str | None]:  # type: ignore[valid-type]
        return await self._database.run(
            partial(kv.page, namespace=namespace, limit=limit, after=after), rows=limit, writes=False
        )

    async def kv_due(self, namespace: str, *, limit: int = 100) -> tuple[list[KvEntry], Micros | None]:  # type: ignore[valid-type]
        return await self._database.run(partial(kv.due, namespace=namespace, limit=limit), rows=1, writes=False)
