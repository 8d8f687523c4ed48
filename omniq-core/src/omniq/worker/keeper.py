"""The housekeeping of every worker: take over what crashed holders left, and sweep. There is no leader."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from omniq.errors import StoreError
from omniq.models.config import WorkerSettings
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import ClaimedTask
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("Keeper",)

log = logging.getLogger("omniq.worker")

RECLAIM_LIMIT = 100
SWEEP_LIMIT = 1_000
FIRST_SWEEP = 5.0
LONGEST_SWEEP = 30.0
LONGEST_RECLAIM = 5.0


class Keeper:
    """Reclaims every third of a lease (at most 5 s apart), sweeps every 5 s with work and 30 s without."""

    def __init__(
        self,
        store: BaseTaskQueue,
        settings: WorkerSettings,
        on_crashed: Callable[[list[ClaimedTask], float], None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._on_crashed = on_crashed
        self._reclaim_every = min(LONGEST_RECLAIM, settings.lease / SECOND / 3)
        self._sweep_every = FIRST_SWEEP
        self._next_sweep = time.monotonic() + FIRST_SWEEP * random.random()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(self._reclaim_every * random.uniform(0.8, 1.0))
            try:
                await self._reclaim()
                if time.monotonic() >= self._next_sweep:
                    await self._sweep()
            except StoreError as why:
                log.warning("housekeeping put off: %s", why)

    async def _reclaim(self) -> None:
        while True:
            sent_at = time.monotonic()
            crashed = await self._store.reclaim(
                limit=RECLAIM_LIMIT,
                lease=self._settings.lease,
                worker=self._settings.name,
                claim_id=new_claim_id(),
            )
            if crashed:
                self._on_crashed(crashed, sent_at)
            if len(crashed) < RECLAIM_LIMIT:
                return

    async def _sweep(self) -> None:
        swept = await self._store.sweep(SWEEP_LIMIT)
        found = bool(swept.more or swept.ended or swept.purged)
        self._sweep_every = FIRST_SWEEP if found else min(2 * self._sweep_every, LONGEST_SWEEP)
        self._next_sweep = time.monotonic() + (0 if swept.more else self._sweep_every * random.uniform(0.8, 1.0))
