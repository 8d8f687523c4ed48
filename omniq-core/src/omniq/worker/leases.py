"""Keeps what this worker holds, on a thread and a store handle of its own.

User code may block the loop or every pool thread; renewal must not stop for it. So nothing here waits for the
loop: it reads the held set, asks the store, and posts what it heard.

Invariant: `confirmed` of an execution is the time at which its last successful renewal was *sent*. A worker
that reads it can tell by its own clock that a lease may be over, even while the store is silent.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable

from omniq.direct import drive
from omniq.models.values import SECOND, Micros
from omniq.storage.base import Feature
from omniq.storage.records import ExtendAnswer, Hold, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.backoff import jittered
from omniq.worker.run import Execution

__all__ = ("Leases",)

FENCED_AT = 0.9
"""The part of a lease after which an unconfirmed one counts as lost."""
CLOSING = 2.0
"""Seconds that closing waits for the thread; a store that is away must not hold up a shutdown."""

logger = logging.getLogger("omniq.worker")


class Leases:
    """The held set and its thread. `told` is called on the loop for each lost or cancelled execution."""

    def __init__(self, tasks: BaseTaskQueue, lease: Micros, told: Callable[[Execution, Trouble], None]) -> None:
        self._tasks, self._lease, self._told = tasks, lease, told
        self._held: set[Execution] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._wake_own: Callable[[], object] | None = None
        self._silent = False
        self.span = lease / SECOND
        self._trusted = FENCED_AT * self.span

    @property
    def held(self) -> int:
        return len(self._held)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        direct = Feature.DIRECT in self._tasks.capabilities.features
        target = self._renew_directly if direct else self._renew_on_own_loop
        self._thread = threading.Thread(target=target, name="omniq-leases", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """End the thread; what is still held is renewed no more."""
        self._stop.set()
        if self._wake_own is not None:
            self._wake_own()
        if self._ended is not None:
            try:
                await asyncio.wait_for(self._ended.wait(), CLOSING)
            except TimeoutError:
                logger.warning("the lease thread is left behind: its store does not answer")

    def hold(self, executions: Iterable[Execution]) -> None:
        self._held.update(executions)

    def drop(self, executions: Iterable[Execution]) -> None:
        self._held.difference_update(executions)

    def expires(self, execution: Execution) -> float:
        """Give the time at which an execution counts as lost if no renewal is confirmed before."""
        return execution.confirmed + self._trusted

    def _pause(self, took: float = 0.0) -> float:
        """Renew every third of a lease, however long the last one took: one that hung must not cost the lease."""
        return max(0.0, jittered(self.span / 3) - took)

    def _renew_directly(self) -> None:
        companion = self._tasks.companion()
        opened, pause = False, self._pause()
        try:
            while not self._stop.wait(pause):
                begun = time.monotonic()
                try:
                    if not opened:
                        drive(companion.open())
                        opened = True
                    drive(self._renew(companion))
                except Exception as why:
                    self._failed(why)
                pause = self._pause(time.monotonic() - begun)
        finally:
            if opened:
                drive(companion.close())
            self._post_end()

    def _renew_on_own_loop(self) -> None:
        try:
            asyncio.run(self._renew_until_stopped())
        finally:
            self._post_end()

    async def _renew_until_stopped(self) -> None:
        own, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake_own = lambda: own.call_soon_threadsafe(woken.set)
        companion = self._tasks.companion()
        opened, pause = False, self._pause()
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(woken.wait(), pause)
                break
            except TimeoutError:
                pass
            begun = own.time()
            try:
                async with asyncio.timeout(self.span / 3):  # one that hangs must not cost the next renewal too
                    if not opened:
                        await companion.open()
                        opened = True
                    await self._renew(companion)
            except Exception as why:
                self._failed(why)
            pause = self._pause(own.time() - begun)
        self._wake_own = None
        if opened:
            await companion.close()

    async def _renew(self, companion: BaseTaskQueue) -> None:
        loop = self._loop
        assert loop is not None
        sent = loop.time()
        batch: dict[str, Execution] = {}
        for execution in list(self._held):  # one step in C: the loop may add and drop meanwhile
            if execution.renew_until <= sent or self.expires(execution) <= sent:
                continue  # hung, or fenced off already
            other = batch.get(execution.id)
            if other is None or other.task.fence.attempt < execution.task.fence.attempt:
                batch[execution.id] = execution  # an older attempt of the same task is lost for sure
        if not batch:
            return
        holds = [Hold(one.task.fence, one.ref) for one in batch.values()]
        answers = {answer.task_id: answer for answer in await companion.extend(holds, lease=self._lease)}
        for execution in batch.values():
            answer = answers.get(execution.id)
            if answer is None or answer.what is not Trouble.LOST:
                execution.confirmed = sent
            if answer is not None:
                self._heard(execution, answer, loop)
        if self._silent:
            self._silent = False
            logger.info("leases are renewed again")

    def _heard(self, execution: Execution, answer: ExtendAnswer, loop: asyncio.AbstractEventLoop) -> None:
        if answer.ref is not None:
            execution.ref = answer.ref
        if answer.what is None:
            return
        if execution.context is not None:  # at once: a body in a thread polls it while the loop is blocked
            execution.context.cancelled = True
        self._post(loop, lambda: self._told(execution, answer.what or Trouble.LOST))

    def _failed(self, why: Exception) -> None:
        if not self._silent:
            self._silent = True
            said = str(why) or "the store does not answer"  # a TimeoutError says nothing
            logger.warning("leases cannot be renewed, trying again: %s", said)

    def _post_end(self) -> None:
        if self._loop is not None and self._ended is not None:
            self._post(self._loop, self._ended.set)

    def _post(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:  # the worker's loop is closed
            self._stop.set()
