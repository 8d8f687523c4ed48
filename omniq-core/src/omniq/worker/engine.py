"""The engine of a worker: claims, starts, watches, settles. It exists once; kinds are executors.

Four things overlap: one coroutine claims, one asyncio Task runs each attempt, one coroutine settles, and a
thread of its own keeps the leases. Invariant: what was claimed is in `leases` until the store has answered
for it, whatever happens to it in between.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from omniq.errors import StoreError
from omniq.execution.ending import Cancelled, Crashed, Ending, Interrupted, Returned
from omniq.execution.executor import Executor
from omniq.functions import FunctionRegistry
from omniq.models.config import WorkerSettings
from omniq.models.policy import PLAIN, load_policy
from omniq.models.result import dump_error
from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import ClaimedTask, SettleAnswer, Settlement, Trouble
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.attempt import FOR_EVER, Attempt, Why
from omniq.worker.demand import Demand
from omniq.worker.journal import Journal
from omniq.worker.keeper import Keeper
from omniq.worker.leases import Leases
from omniq.worker.outcome import decide
from omniq.worker.run import Runner
from omniq.worker.settler import Settler

__all__ = ("STUCK", "Engine", "Lifespan")

log = logging.getLogger("omniq.worker")

Lifespan = Callable[[], AbstractAsyncContextManager[Any]]

STUCK = 75
"""The exit code of a worker whose every slot is taken by bodies that it gave up."""
STAND_BY = 5 * SECOND
LONGEST_BACKOFF = 5.0
UNSTARTED_FOR = 1.0


class Engine:
    """Runs tasks of `settings.queues` until stopped."""

    def __init__(
        self,
        tasks: BaseTaskQueue,
        executor: Executor,
        registry: FunctionRegistry,
        serializer: SerializationManager,
        settings: WorkerSettings,
        *,
        results: BaseResultStorage | None = None,
        lifespan: Lifespan | None = None,
    ) -> None:
        self.settings = settings
        self.exit_code = 0
        self._tasks = tasks
        self._executor = executor
        self._lifespan = lifespan
        self._demand = Demand(settings.concurrency)
        self._journal = Journal()
        self._runner = Runner(executor, registry, serializer, settings.name, self._watch)
        self._settler = Settler(tasks, results, self._settled)
        self._leases = Leases(tasks, settings.lease, on_lost=self._lost, on_cancel=Attempt.ask_to_cancel)
        self._keeper = Keeper(tasks, settings, self._crashed)
        self._buffer: deque[Attempt] = deque()
        self._running: dict[str, Attempt] = {}
        self._room = asyncio.Event()
        self._empty = asyncio.Event()
        self._stopping = asyncio.Event()
        self._now = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = FOR_EVER
        self._starting = False

    async def run(self) -> int:
        """Work until `stop`; give the exit code (0, or 75 when every slot was stuck)."""
        async with AsyncExitStack() as stack:
            if self._lifespan is not None:
                self._runner.state = await stack.enter_async_context(self._lifespan())
            await self._executor.open()
            stack.push_async_callback(self._executor.close)
            settler = asyncio.create_task(self._settler.run(), name="omniq-settler")
            keeper = asyncio.create_task(self._keeper.run(), name="omniq-keeper")
            claimer = asyncio.create_task(self._claim_until_stopped(), name="omniq-claimer")
            for part in (settler, keeper, claimer):
                part.add_done_callback(self._part_ended)
            try:
                await self._stopping.wait()
            finally:
                await _ended(claimer, keeper)
                await self._drain()
                self._settler.close()
                await asyncio.wait([settler])
                await self._leases.close()
        return self.exit_code

    def stop(self) -> None:
        """Stop claiming, let running bodies finish within the grace, release the rest."""
        self._stopping.set()

    def stop_now(self) -> None:
        """Release what runs at once."""
        self._now.set()
        self._stopping.set()

    @property
    def busy(self) -> int:
        """Attempts that are held: running, unstarted, or ended and not yet answered for."""
        return len(self._leases)

    async def _claim_until_stopped(self) -> None:
        pause = 0.05
        while True:
            want = self._demand.want(len(self._running), len(self._buffer), self._executor.stuck)
            if want <= 0:
                if self._executor.stuck >= self.settings.concurrency:
                    self._give_up()
                    return
                self._room.clear()
                await self._room.wait()
                continue
            try:
                await self._claim(want)
                pause = 0.05
            except StoreError as why:
                log.warning("no claim: %s; trying again", why)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_BACKOFF)

    async def _claim(self, want: int) -> None:
        claim_id = new_claim_id()
        sent_at = time.monotonic()
        settings = self.settings
        wait = 0 if self._buffer else STAND_BY
        try:
            claimed = await self._tasks.claim(
                settings.queues,
                limit=want,
                lease=settings.lease,
                worker=settings.name,
                claim_id=claim_id,
                wait=wait,
            )
        except (StoreError, asyncio.CancelledError):
            # The claim may have been carried out: what it holds goes back, and a late one gives nothing.
            await self._abandon(claim_id)
            raise
        if claimed.tasks:
            self._demand.claimed(time.monotonic() - sent_at)
            attempts = [Attempt(task, sent_at, claimed.now) for task in claimed.tasks]
            self._leases.add(attempts)
            self._arm(sent_at + 0.9 * settings.lease / SECOND)
            self._buffer.extend(attempts)
            self._start()
        elif self._buffer:  # nothing more to prefetch: wait until something ends
            self._room.clear()
            await self._room.wait()

    async def _abandon(self, claim_id: int) -> None:
        try:
            await asyncio.shield(self._tasks.abandon(claim_id))
        except StoreError as why:
            log.warning("a claim could not be given back (%s); its leases will run out", why)

    def _part_ended(self, part: asyncio.Task[None]) -> None:
        """A part that failed takes the worker down, loudly: half a worker would hold tasks and never end them."""
        if not part.cancelled() and part.exception() is not None:
            log.error("%s failed; stopping the worker", part.get_name(), exc_info=part.exception())
            self.exit_code = self.exit_code or 1
            self._stopping.set()

    def _give_up(self) -> None:
        log.error(
            "all %d slots are taken by bodies that ran past their timeout; stopping so that a supervisor can "
            "start a fresh worker",
            self.settings.concurrency,
        )
        self.exit_code = STUCK
        self._stopping.set()

    def _start(self) -> None:
        if self._starting:  # an eager body ended within the loop below, which goes on by itself
            return
        self._starting = True
        while self._buffer and len(self._running) < self.settings.concurrency - self._executor.stuck:
            attempt = self._buffer.popleft()
            if attempt.lost:
                continue
            self._running[attempt.id] = attempt
            attempt.started_at = time.monotonic()
            attempt.running = _spawn(self._one(attempt))
        self._starting = False
        if self._buffer:
            self._arm(time.monotonic() + UNSTARTED_FOR)

    async def _one(self, attempt: Attempt) -> None:
        self._journal.started(attempt)
        ending: Ending = Interrupted()
        try:
            ending = await self._runner.run(attempt)
        finally:
            del self._running[attempt.id]
            self._end(attempt, ending)
            self._demand.ended(time.monotonic() - attempt.started_at)
            if not self._stopping.is_set():
                self._start()
            self._room.set()
            if not self._running:
                self._empty.set()

    def _end(self, attempt: Attempt, ending: Ending) -> None:
        if attempt.lost:
            self._leases.drop(attempt.id, attempt.task.fence.claim_id)
            log.warning("lost %s %s: another worker may run it", attempt.task.name, attempt.id)
            return
        if type(ending) is Returned:
            settlement = Settlement(
                fence=attempt.task.fence, ref=attempt.task.ref, to=State.SUCCEEDED, result=ending.result
            )
        else:
            settlement = self._settlement(attempt.task, ending)
        self._journal.ended(attempt, ending, settlement)
        self._settler.add(settlement)

    def _settlement(self, task: ClaimedTask, ending: Ending) -> Settlement:
        try:
            policy = load_policy(task.policy)
        except ValueError:  # undecodable: the ending says so already
            policy = PLAIN
        outcome = decide(task, ending, policy, chance=random.random())
        return Settlement(
            fence=task.fence,
            ref=task.ref,
            to=outcome.to,
            delay=outcome.delay,
            count=outcome.count,
            reason=outcome.reason,
            error=None if outcome.error is None else dump_error(outcome.error),
            result=outcome.result,
        )

    def _crashed(self, tasks: list[ClaimedTask], sent_at: float) -> None:
        attempts = [Attempt(task, sent_at, 0) for task in tasks]
        self._leases.add(attempts)
        for attempt in attempts:
            log.warning("recovered %s %s: its worker vanished", attempt.task.name, attempt.id)
            self._settler.add(self._settlement(attempt.task, Cancelled() if attempt.cancel else Crashed()))

    def _settled(self, batch: list[Settlement], answers: list[SettleAnswer]) -> None:
        for settlement in batch:
            self._leases.drop(settlement.fence.task_id, settlement.fence.claim_id)
        for answer in answers:
            if answer.what is Trouble.LOST:
                log.warning("the ending of %s came too late: another worker has it", answer.task_id)

    def _lost(self, attempt: Attempt) -> None:
        if attempt.running is None and attempt in self._buffer:
            self._buffer.remove(attempt)
            self._leases.drop(attempt.id, attempt.task.fence.claim_id)
        attempt.stop(Why.LOST)

    def _watch(self, at: float) -> None:
        self._arm(at)

    def _arm(self, at: float) -> None:
        if at >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(max(0.0, at - time.monotonic()), self._look)

    def _look(self) -> None:
        self._alarm, self._alarm_at = None, FOR_EVER
        now = time.monotonic()
        for attempt in list(self._running.values()):
            if attempt.deadline <= now:
                attempt.stop(Why.DEADLINE)
            elif attempt.timeout_at <= now:
                attempt.stop(Why.TIMEOUT)
        for attempt in self._leases.overdue(now):
            self._lost(attempt)
        self._give_back(now - UNSTARTED_FOR)
        self._arm_next(now)

    def _arm_next(self, now: float) -> None:
        limits = [min(a.timeout_at, a.deadline) for a in self._running.values() if a.why is None]
        if self._buffer:
            limits.append(now + UNSTARTED_FOR)
        if len(self._leases):
            limits.append(now + self.settings.lease / SECOND / 5)
        earliest = min(limits, default=FOR_EVER)
        if earliest < FOR_EVER:
            self._arm(earliest)

    def _give_back(self, claimed_before: float) -> None:
        """Hand back what was claimed and not started: long tasks stand in front of it."""
        while self._buffer and self._buffer[-1].claimed_at <= claimed_before:
            attempt = self._buffer.pop()
            self._settler.add(self._settlement(attempt.task, Interrupted()))

    async def _drain(self) -> None:
        self._give_back(FOR_EVER)
        for attempt in self._running.values():
            if attempt.context is not None:
                attempt.context.stopping = True
        await self._wait_for_running(self.settings.shutdown_grace / SECOND)
        for attempt in list(self._running.values()):
            attempt.stop(Why.SHUTDOWN)
        self._now.set()
        await self._wait_for_running(5.0)
        for attempt in list(self._running.values()):
            log.warning("%s %s does not stop; its lease will run out", attempt.task.name, attempt.id)
        if self._alarm is not None:
            self._alarm.cancel()

    async def _wait_for_running(self, seconds: float) -> None:
        """Wait until nothing runs, at most so long; `stop_now` ends the first wait."""
        first = not self._now.is_set()
        end = time.monotonic() + seconds
        while self._running and time.monotonic() < end and not (first and self._now.is_set()):
            self._empty.clear()
            waits = [asyncio.ensure_future(self._empty.wait())]
            if first:
                waits.append(asyncio.ensure_future(self._now.wait()))
            await asyncio.wait(waits, timeout=end - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
            await _ended(*waits)


if sys.version_info >= (3, 12):

    def _spawn(body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.Task(body, eager_start=True)
else:

    def _spawn(body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.Task(body)


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancel helpers of the engine and wait for their end; an error in one is its own to log."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a part of the engine failed", exc_info=result)
