"""Writes finished attempts back to the store, many to a round trip.

What ends while one settle is in flight goes with the next, and so does what ends in the following turns of a busy
loop. So a lone task is settled at once, a busy worker settles hundreds together, and there is nothing to tune.

Invariant: a lease is let go only after the store has answered for it. Until then it is renewed, so only a
store that is gone for longer than a lease can cost a second run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from omniq.errors import StoreError, StoreFull, StoreUnavailable
from omniq.models.states import State
from omniq.storage.records import Fence, SettleAnswer, Settlement
from omniq.storage.results import BaseResultStorage, StoredResult
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.backoff import Backoff
from omniq.worker.outcome import undecided
from omniq.worker.run import Execution

__all__ = ("Settler",)

MOST = 500
"""Settlements of one call: a bound on a transaction, not a target."""
PATIENCE = 0.002
"""Seconds that the first of a batch waits for the others at most."""

logger = logging.getLogger("omniq.worker")

Report = Callable[[Sequence[Execution], Sequence[SettleAnswer]], None]


class Settler:
    """One coroutine, `run`, that ends by `close` and never by cancellation: a cancelled settle would be an
    ending that nobody owns.
    """

    def __init__(
        self,
        tasks: BaseTaskQueue,
        results: BaseResultStorage | None,
        *,
        drop: Callable[[Sequence[Execution]], None],
        report: Report,
        took: Callable[[float], None],
    ) -> None:
        self._tasks, self._results = tasks, results
        self._drop, self._report, self._took = drop, report, took
        self._ended: list[Execution] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._in_flight = 0
        self._backoff = Backoff()
        self._gave_up = asyncio.Event()

    @property
    def unsettled(self) -> int:
        """Endings that the store has not answered for."""
        return len(self._ended) + self._in_flight

    def add(self, execution: Execution) -> None:
        """Take over one that has its settlement; never waits, never fails. Loop thread only."""
        self._ended.append(execution)
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Let `run` end once everything is written."""
        self._closing = True
        self._wake.set()

    def give_up(self) -> None:
        """Let `run` end at the next failure of the store, whatever is left."""
        self.close()
        self._gave_up.set()

    async def run(self) -> None:
        while batch := await self._next():
            self._in_flight = len(batch)
            answers = await self._settle(batch)
            self._in_flight = 0
            if answers is None:
                return
            self._drop(batch)
            self._report(batch, answers)

    async def _next(self) -> list[Execution]:
        while not self._ended and not self._closing:
            self._wake.clear()
            await self._wake.wait()
        # A busy loop ends some in each of its turns: they share the round trip. A lone one waits for one turn.
        loop, seen = asyncio.get_running_loop(), 0
        latest = loop.time() + PATIENCE
        while seen < len(self._ended) < MOST and loop.time() < latest:
            seen = len(self._ended)
            await asyncio.sleep(0)
        batch, self._ended = self._ended[:MOST], self._ended[MOST:]
        return batch

    async def _settle(self, batch: list[Execution]) -> list[SettleAnswer] | None:
        """Write a batch, however long the store is away; None when told to give up."""
        loop = asyncio.get_running_loop()
        settlements = [_refreshed(one) for one in batch]
        while True:
            sent = loop.time()
            try:
                if self._results is not None:
                    settlements = await self._put_results(self._results, batch, settlements)
                answers = await self._tasks.settle(settlements)
            except (StoreUnavailable, StoreFull, OSError) as why:
                if self._gave_up.is_set():
                    logger.warning("%d outcomes could not be written: %s", self.unsettled, why)
                    return None
                if self._backoff.idle:
                    logger.warning("outcomes are held until the store takes them: %s", why)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._gave_up.wait(), self._backoff.step())
                settlements = [_refreshed(one) for one in batch]
                continue
            except StoreError:
                raise
            except Exception as why:
                return await self._settle_apart(batch, why)
            if not self._backoff.idle:
                self._backoff.reset()
                logger.info("the store takes outcomes again")
            self._took(loop.time() - sent)
            return answers

    async def _settle_apart(self, batch: list[Execution], why: Exception) -> list[SettleAnswer] | None:
        """Find the one that the store cannot take, and fail its task: it must not cost its neighbours theirs."""
        if len(batch) > 1:
            answers: list[SettleAnswer] = []
            for one in batch:
                answered = await self._settle([one])
                if answered is None:
                    return None
                answers += answered
            return answers
        guilty = batch[0]
        logger.error("the outcome of %s cannot be written (%s); it fails", guilty.id, type(why).__name__)
        guilty.settlement = undecided(guilty.task, why, ref=guilty.ref)
        return await self._tasks.settle([guilty.settlement])

    async def _put_results(
        self, results: BaseResultStorage, batch: list[Execution], settlements: list[Settlement]
    ) -> list[Settlement]:
        """Put values and final errors where results live, before the settlement that makes them valid."""
        found: list[tuple[Fence, StoredResult]] = [
            (
                one.fence,
                StoredResult(
                    value=one.result, error=one.error if one.result is None else None, keep=execution.policy.keep
                ),
            )
            for execution, one in zip(batch, settlements, strict=True)
            if one.result is not None or (one.error is not None and one.to is State.FAILED)
        ]
        if found:
            await results.put(found)
        return [one if one.result is None else msgspec.structs.replace(one, result=None) for one in settlements]


def _refreshed(execution: Execution) -> Settlement:
    """The settlement with the newest ref: a renewal in between may have moved it."""
    if execution.settlement.ref is not execution.ref:
        execution.settlement = msgspec.structs.replace(execution.settlement, ref=execution.ref)
    return execution.settlement
