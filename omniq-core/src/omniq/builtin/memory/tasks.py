"""Tasks in memory: a lock and a clock around the model, and wake-ups by push."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Sequence
from typing import Self

from omniq.builtin.memory.handle import MemoryHandle
from omniq.builtin.memory.place import Place, Waiter
from omniq.models.values import SECOND, Micros
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

__all__ = ("MemoryTaskQueue",)


class MemoryTaskQueue(MemoryHandle, BaseTaskQueue):
    """A task store that lives as long as its process. Any thread and any loop may call it."""

    def __init__(self, place: Place | None = None) -> None:
        super().__init__()
        self._place = Place() if place is None else place
        self._waiters: dict[Waiter, None] = {}

    def _twin(self) -> Self:
        return type(self)(self._place)

    async def close(self) -> None:
        await super().close()
        for waiter in list(self._waiters):
            waiter.ring()

    async def server_now(self) -> Micros:
        place = self._entered()
        with place.lock:
            return place.now(self.clock)

    def look_again(self) -> None:
        """Make everybody who waits look again, for whoever moves the clock by hand."""
        with self._place.lock:
            self._place.ring_all()

    async def enqueue(self, tasks: Sequence[NewTask], *, fresh: bool = False) -> builtins.list[EnqueueAnswer]:
        place = self._entered()
        with place.lock:
            answers = place.model.enqueue(place.now(self.clock), tasks)
            place.tell()
        return answers

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
        place = self._entered()
        with place.lock:
            claimed = place.model.claim(
                place.now(self.clock), queues, limit=limit, lease=lease, worker=worker, claim_id=claim_id
            )
            place.tell()
            if wait <= 0 or limit <= 0 or claimed.tasks or claimed.expired:
                return claimed
            waiter = self._join(frozenset(queues))
        loop = asyncio.get_running_loop()
        end = loop.time() + wait / SECOND
        try:
            while True:
                left = end - loop.time()
                due = left if claimed.next_due is None else claimed.next_due / SECOND
                await waiter.stand_by(max(0.0, min(left, due)))
                with place.lock:
                    self._leave(waiter)
                    now = place.now(self.clock)
                    if not self._usable:
                        return Claimed(tasks=[], now=now)
                    claimed = place.model.claim(now, queues, limit=limit, lease=lease, worker=worker, claim_id=claim_id)
                    place.tell()
                    if claimed.tasks or claimed.expired or loop.time() >= end:
                        return claimed
                    waiter = self._join(waiter.queues)
        finally:
            with place.lock:
                self._leave(waiter)
                if place.claimers:
                    place.hand_over(place.now(self.clock))

    async def abandon(self, claim_id: int) -> None:
        place = self._entered()
        with place.lock:
            place.model.abandon(place.now(self.clock), claim_id)
            place.tell()

    async def extend(self, holds: Sequence[Hold], *, lease: Micros) -> builtins.list[ExtendAnswer]:
        place = self._entered()
        with place.lock:
            return place.model.extend(place.now(self.clock), holds, lease=lease)

    async def settle(self, settlements: Sequence[Settlement]) -> builtins.list[SettleAnswer]:
        place = self._entered()
        with place.lock:
            answers = place.model.settle(place.now(self.clock), settlements)
            place.tell()
        return answers

    async def reclaim(self, *, limit: int, lease: Micros, worker: str, claim_id: int) -> builtins.list[ClaimedTask]:
        place = self._entered()
        with place.lock:
            now = place.now(self.clock)
            return place.model.reclaim(now, limit=limit, lease=lease, worker=worker, claim_id=claim_id)

    async def cancel(self, ids: Sequence[str]) -> builtins.list[CancelAnswer]:
        place = self._entered()
        with place.lock:
            answers = place.model.cancel(place.now(self.clock), ids)
            place.tell()
        return answers

    async def requeue(self, ids: Sequence[str], *, delay: Micros = 0) -> builtins.list[RequeueAnswer]:
        place = self._entered()
        with place.lock:
            answers = place.model.requeue(place.now(self.clock), ids, delay=delay)
            place.tell()
        return answers

    async def delete(self, ids: Sequence[str]) -> builtins.list[DeleteAnswer]:
        place = self._entered()
        with place.lock:
            answers = place.model.delete(ids)
            place.tell()
        return answers

    async def get(
        self, ids: Sequence[str], *, payload: bool = False, result: bool = False
    ) -> builtins.list[TaskRecord | None]:
        with self._entered().lock:
            return self._place.model.get(ids, payload=payload, result=result)

    async def stats(self, queues: Sequence[str] | None = None) -> builtins.list[QueueStats]:
        place = self._entered()
        with place.lock:
            return place.model.stats(place.now(self.clock), queues)

    async def wait_finished(self, ids: Sequence[str], *, timeout: Micros) -> builtins.list[str]:
        place = self._entered()
        with place.lock:
            found = place.model.finished(ids)
            if found or timeout <= 0 or not ids:
                return found
            waiter = self._join(ids=ids)
        try:
            await waiter.stand_by(timeout / SECOND)
        finally:
            with place.lock:
                self._leave(waiter, ids)
        if not self._usable:
            return []
        with place.lock:
            return place.model.finished(ids)

    async def set_paused(self, queues: Sequence[str], on: bool) -> None:
        place = self._entered()
        with place.lock:
            place.model.set_paused(queues, on)
            place.tell()

    async def sweep(self, limit: int) -> Swept:
        place = self._entered()
        with place.lock:
            swept = place.model.sweep(place.now(self.clock), limit)
            place.tell()
        return swept

    async def list(self, where: Where, *, limit: int = 100, after: str | None = None) -> Page:
        with self._entered().lock:
            return self._place.model.list(where, limit=limit, after=after)

    async def kv_get(self, namespace: str, key: str) -> KvEntry | None:
        with self._entered().lock:
            return self._place.model.kv_get(namespace, key)

    async def kv_put(
        self, namespace: str, key: str, value: bytes, *, expect: int = ANY_VERSION, due: Micros | None = None
    ) -> int | None:
        with self._entered().lock:
            return self._place.model.kv_put(namespace, key, value, expect=expect, due=due)

    async def kv_delete(self, namespace: str, key: str, *, expect: int = ANY_VERSION) -> bool:
        with self._entered().lock:
            return self._place.model.kv_delete(namespace, key, expect=expect)

    async def kv_list(
        self, namespace: str, *, limit: int = 100, after: str | None = None
    ) -> tuple[builtins.list[KvEntry], str | None]:
        with self._entered().lock:
            return self._place.model.kv_list(namespace, limit=limit, after=after)

    async def kv_due(self, namespace: str, *, limit: int = 100) -> tuple[builtins.list[KvEntry], Micros | None]:
        place = self._entered()
        with place.lock:
            return place.model.kv_due(place.now(self.clock), namespace, limit=limit)

    def _entered(self) -> Place:
        if not self._usable:
            raise self._refused()
        return self._place

    def _join(self, queues: frozenset[str] = frozenset(), ids: Sequence[str] = ()) -> Waiter:
        waiter = Waiter(queues)
        self._waiters[waiter] = None
        self._place.join(waiter, ids)
        return waiter

    def _leave(self, waiter: Waiter, ids: Sequence[str] = ()) -> None:
        self._waiters.pop(waiter, None)
        self._place.leave(waiter, ids)
