"""Asks the store for work: stands by while there is none, backs off while the store is away.

While claimed tasks wait for a slot it asks without standing by, and after a short answer not at all. A large
claim that stood by would go on taking what this worker has just given back as too much.

Invariant: a claim whose answer was lost is abandoned before the next one is made, so its tasks run again at
once and not after a lease. Nothing else in the engine claims.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from omniq.errors import StoreFull, StoreUnavailable
from omniq.models.values import SECOND, Micros, new_claim_id
from omniq.storage.records import Claimed, ClaimedTask
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.backoff import Backoff

__all__ = ("Claimer",)

LONGEST_STAND_BY: Micros = 20 * SECOND
"""How long one claim waits for work; the store answers at once when there is some.

Never more than a third of a lease. When in this time the store gave a task is not known here, so its lease is
taken to begin with the call, and must still be long enough for a first renewal.
"""
LAST_WORD = 2.0
"""Seconds that a shutdown gives to the abandon of its standing claim."""

logger = logging.getLogger("omniq.worker")


class Claimer:
    """One coroutine, `run`, ended by cancellation. `take(tasks, now, sent)` receives what was claimed."""

    def __init__(
        self,
        tasks: BaseTaskQueue,
        queues: Sequence[str],
        lease: Micros,
        worker: str,
        *,
        want: Callable[[], int],
        buffered: Callable[[], bool],
        take: Callable[[list[ClaimedTask], Micros, float], None],
    ) -> None:
        self._tasks, self._queues, self._lease, self._worker = tasks, tuple(queues), lease, worker
        self._room, self._buffered, self._take = want, buffered, take
        self._dry = False
        self._stand_by = min(LONGEST_STAND_BY, lease // 3)
        self._stood = False
        self._wake = asyncio.Event()
        self._away = Backoff()
        self._empty = Backoff(0.01, 1.0)
        self._owed: list[int] = []

    def look(self) -> None:
        """Look whether there is room again. Loop thread only."""
        if not self._wake.is_set() and self._want():
            self._wake.set()

    def _want(self) -> int:
        return 0 if self._dry and self._buffered() else self._room()

    async def run(self) -> None:
        try:
            await self._claim_for_ever()
        finally:
            await self._pay_at_the_end()

    async def _claim_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not (limit := self._want()):
                self._wake.clear()
                await self._wake.wait()
            sent = loop.time()
            try:
                await self._pay()
                claimed = await self._claim(limit)
            except (StoreUnavailable, StoreFull, OSError) as why:
                if self._away.idle:
                    logger.warning("the store is away, trying again: %s", why)
                await asyncio.sleep(self._away.step())
                continue
            if not self._away.idle:
                self._away.reset()
                logger.info("the store is back")
            self._dry = len(claimed.tasks) < limit
            if claimed.tasks:
                self._empty.reset()
                self._take(claimed.tasks, claimed.now, sent)
                await asyncio.sleep(0)  # a store that never suspends must not keep the loop from the tasks
            elif not self._stood and not self._buffered():
                await asyncio.sleep(self._empty.step())  # an early empty answer must not become a busy loop

    async def _claim(self, limit: int) -> Claimed:
        """Claim once, standing by; on any way out but an answer the claim is owed an abandon."""
        loop = asyncio.get_running_loop()
        claim_id = new_claim_id()
        self._owed.append(claim_id)
        begun = loop.time()
        wait = 0 if self._buffered() else self._stand_by
        claimed = await self._tasks.claim(
            self._queues,
            limit=limit,
            lease=self._lease,
            worker=self._worker,
            claim_id=claim_id,
            wait=wait,
        )
        self._owed.remove(claim_id)
        self._stood = loop.time() - begun > self._stand_by / SECOND / 2
        return claimed

    async def _pay(self) -> None:
        while self._owed:
            await self._tasks.abandon(self._owed[0])
            self._owed.pop(0)

    async def _pay_at_the_end(self) -> None:
        if not self._owed:
            return
        try:
            async with asyncio.timeout(LAST_WORD):
                await self._pay()
        except (StoreUnavailable, StoreFull, OSError) as why:
            logger.warning("a claim could not be abandoned, its lease will run out: %s", why)
