"""Housekeeping that every worker does: taking over lost leases, and sweeping.

There is no leader and no task for it, so nothing must be alive for recovery but one worker. Both are bounded
calls; each pass is jittered, so that many workers do not ask in step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from omniq.errors import StoreFull, StoreUnavailable
from omniq.models.states import State
from omniq.models.values import SECOND, Micros, new_claim_id
from omniq.storage.records import ClaimedTask
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.backoff import Backoff, jittered

__all__ = ("Sweeper",)

BOUND = 100
SWEEP_SOON = 5.0
SWEEP_LATE = 30.0

logger = logging.getLogger("omniq.worker")

_AWAY = (StoreUnavailable, StoreFull, OSError)


class Sweeper:
    """Two loops, ended by cancellation: between two calls, or with a call that anybody may repeat."""

    def __init__(
        self,
        tasks: BaseTaskQueue,
        results: BaseResultStorage | None = None,
        *,
        lease: Micros,
        worker: str,
        crashed: Callable[[ClaimedTask], None],
        ended: Callable[[list[tuple[str, State]]], None],
    ) -> None:
        self._tasks, self._results, self._lease, self._worker = tasks, results, lease, worker
        self._crashed, self._ended = crashed, ended

    async def recover(self) -> None:
        """Take over what was lost, for ever; the first look is at once, for what a last crash left."""
        backoff = Backoff()
        while True:
            try:
                await self.recover_once()
                backoff.reset()
            except _AWAY:
                await asyncio.sleep(backoff.step())
                continue
            await asyncio.sleep(jittered(self._lease / 3 / SECOND))

    async def recover_once(self) -> None:
        while True:
            lost = await self._tasks.reclaim(
                limit=BOUND, lease=self._lease, worker=self._worker, claim_id=new_claim_id()
            )
            for task in lost:
                self._crashed(task)
            if len(lost) < BOUND:
                return

    async def sweep(self) -> None:
        """Sweep for ever: every 5 s while there is work, doubling to 30 s while there is none."""
        pause = SWEEP_SOON
        backoff = Backoff()
        while True:
            await asyncio.sleep(jittered(pause))
            try:
                found = await self.sweep_once()
                backoff.reset()
            except _AWAY:
                await asyncio.sleep(backoff.step())
                continue
            pause = SWEEP_SOON if found else min(2 * pause, SWEEP_LATE)

    async def sweep_once(self) -> bool:
        found = False
        while True:
            swept = await self._tasks.sweep(BOUND)
            found = found or bool(swept.ended or swept.purged)
            if swept.ended:
                self._ended(swept.ended)
            more = swept.more
            if self._results is not None:
                purged = await self._results.purge(BOUND)
                found, more = found or purged > 0, more or purged == BOUND
            if not more:
                return found
            await asyncio.sleep(0)  # a store that never suspends must not hold the loop for a large purge
