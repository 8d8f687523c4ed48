"""Writes finished attempts back to the store, many to a round trip.

What ends while one settle is in flight goes with the next. So a lone task is settled at once, a busy worker
settles hundreds together, and there is no batch size or delay to tune.

Invariant: a lease is let go only after the store has answered for it. Until then it is renewed, so only a
store that is gone for longer than a lease can cost a second run.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from omniq.errors import StoreError
from omniq.storage.records import SettleAnswer, Settlement
from omniq.storage.results import BaseResultStorage, StoredResult
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("Settler",)

log = logging.getLogger("omniq.worker")

LONGEST_PAUSE = 5.0


class Settler:
    """One coroutine that settles; `add` feeds it from the loop."""

    def __init__(
        self,
        tasks: BaseTaskQueue,
        results: BaseResultStorage | None,
        on_settled: Callable[[list[Settlement], list[SettleAnswer]], None],
    ) -> None:
        self._tasks = tasks
        self._results = results
        self._on_settled = on_settled
        self._ended: list[Settlement] = []
        self._wake = asyncio.Event()
        self._closing = False

    def add(self, settlement: Settlement) -> None:
        """Take one ending over; never waits, never fails. Loop thread only."""
        if not self._ended:
            self._wake.set()
        self._ended.append(settlement)

    def close(self) -> None:
        """Settle what is there, then end. Never cancelled: a cut settle would be an ending without owner."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        while batch := await self._next():  # empty only after close()
            self._on_settled(batch, await self._settle(batch))

    async def _next(self) -> list[Settlement]:
        if not self._ended and not self._closing:
            self._wake.clear()
            await self._wake.wait()
            await asyncio.sleep(0)  # neighbours that end in this turn of the loop share the round trip
        batch, self._ended = self._ended, []
        return batch

    async def _settle(self, batch: list[Settlement]) -> list[SettleAnswer]:
        pause = 0.05
        while True:
            try:
                if self._results is not None:
                    await self._put_results(self._results, batch)
                return await self._tasks.settle(batch)
            except StoreError as why:
                # Held and sent again: settling is repeatable, and the leases are being renewed meanwhile.
                log.warning("%d endings are held: %s", len(batch), why)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _put_results(self, results: BaseResultStorage, batch: list[Settlement]) -> None:
        stored = [(s.fence, _stored(s)) for s in batch if s.result is not None]
        if stored:
            await results.put(stored)


def _stored(settlement: Settlement) -> StoredResult:
    kept = {} if settlement.keep is None else {"keep": settlement.keep}
    return StoredResult(value=settlement.result, error=settlement.error, **kept)
