"""Runs tasks from a store until told to stop: demand, claims, attempts, limits, drain.

The engine exists once; a worker kind is an `Executor`. Everything here runs on one loop and nothing of it
waits for user code, but renewal, which has its own thread (`leases`).

Invariant: a claimed task leaves `Leases` in one way only, through the settler, after the store answered; the
exception is a lost one, which belongs to somebody else already.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any

from omniq.execution import ending as end
from omniq.execution.context import Context
from omniq.execution.executor import Executor
from omniq.models.config import WorkerSettings
from omniq.models.result import TaskError
from omniq.models.states import Counter, State, settled_state
from omniq.models.values import SECOND
from omniq.storage.records import ClaimedTask, SettleAnswer, Trouble
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.claimer import Claimer
from omniq.worker.demand import Demand
from omniq.worker.journal import Journal
from omniq.worker.leases import Leases
from omniq.worker.observer import Observer
from omniq.worker.outcome import settlement
from omniq.worker.run import FOREVER, Execution, Runner, Why
from omniq.worker.settler import Ended, Settler
from omniq.worker.sweeper import Sweeper

if TYPE_CHECKING:
    from omniq.functions import FunctionRegistry
    from omniq.serialization.manager import SerializationManager

__all__ = ("ALL_STUCK", "Engine", "Lifespan")

Lifespan = Callable[[], AbstractAsyncContextManager[Any]]

ALL_STUCK = 75
"""Exit code where every slot is taken by a thread that does not return: only a new process helps."""
STALE = 1.0
"""Seconds that a claimed task may wait for a slot; then it goes back, since another worker may be free."""
CLEANUP = 5.0
"""Seconds that a cancelled body has for its `finally`."""
LEAST_TO_SETTLE = 5.0
"""Seconds that the last outcomes have to reach the store, whatever the grace."""

logger = logging.getLogger("omniq.worker")

_EAGER = sys.version_info >= (3, 12)
_eager_task: Any = asyncio.Task  # its eager_start is not known to a checker that targets 3.11


class Engine:
    """One worker kind on one task store. `start`, then `run` to the end; `stop` from the loop's thread.

    `executors` maps a kind to its factory; only `settings.kind` is made. The stores are opened and stay so.
    """

    def __init__(
        self,
        *,
        tasks: BaseTaskQueue,
        registry: FunctionRegistry,
        serializer: SerializationManager,
        executors: Mapping[str, Callable[[int], Executor]],
        settings: WorkerSettings | None = None,
        results: BaseResultStorage | None = None,
        lifespan: Lifespan | None = None,
        hooks: Observer | None = None,
    ) -> None:
        self.settings = settings = settings or WorkerSettings()
        self.queues = settings.queues or ("default",)
        self.state: Any = None
        self._tasks, self._results, self._hooks, self._lifespan = tasks, results, hooks, lifespan
        self._executor = executors[settings.kind](settings.concurrency)
        self._runner = Runner(registry, serializer, self._executor)
        self._demand = Demand(settings.concurrency)
        self._leases = Leases(tasks, settings.lease, self._told)
        self._settler = Settler(tasks, results, drop=self._leases.drop, report=self._report, took=self._demand.saw_trip)
        self._sweeper = Sweeper(
            tasks, lease=settings.lease, worker=settings.name, crashed=self._take_over, ended=self._swept
        )
        self._claimer = Claimer(
            tasks,
            self.queues,
            settings.lease,
            settings.name,
            want=self._want,
            buffered=lambda: bool(self._buffer),
            take=self._take,
        )
        self._journal = Journal(logger)
        self._buffer: deque[Execution] = deque()
        self._running: set[Execution] = set()
        self._retry_until = 0.0
        self._filling = False
        self._stopping = asyncio.Event()
        self._now = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._watch: asyncio.TimerHandle | None = None
        self._watched = FOREVER
        self._background: list[asyncio.Task[None]] = []
        self._settling: asyncio.Task[None] | None = None
        self._exits = AsyncExitStack()
        self._exit_code = 0
        self._random = random.Random()

    @property
    def running(self) -> int:
        """Attempts whose bodies run now."""
        return len(self._running)

    async def start(self) -> None:
        """Open the stores, the executor and the lifespan, and begin to claim."""
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as exits:  # what was opened is closed again if a later step fails
            await self._tasks.open()
            if self._results is not None:
                await self._results.open()
            self._executor.on_free = self._freed
            await self._executor.open()
            exits.push_async_callback(self._executor.close)
            if self._lifespan is not None:
                self.state = await exits.enter_async_context(self._lifespan())
            self._exits = exits.pop_all()
        self._leases.start()
        self._settling = self._spawn(self._settler.run(), "settler")
        self._background = [
            self._spawn(self._claimer.run(), "claimer"),
            self._spawn(self._sweeper.recover(), "recovery"),
            self._spawn(self._sweeper.sweep(), "sweep"),
        ]

    async def run(self) -> int:
        """Work until stopped, then drain; give the exit code.

        Raises:
            StoreError: the store cannot be used any more; what ran was given the grace to finish.
        """
        stopping = asyncio.ensure_future(self._stopping.wait())
        watched = [task for task in (*self._background, self._settling) if task is not None]
        try:
            await asyncio.wait([stopping, *watched], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.stop_now()
            await self._drain()
            raise
        finally:
            stopping.cancel()
        broken = [task for task in watched if task.done()]
        self.stop()
        await self._drain()
        for task in broken:
            if not task.cancelled():
                task.result()  # raises what ended it
        return self._exit_code

    def stop(self) -> None:
        """Stop claiming, let what runs finish within the grace, then give it back."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for execution in self._running:
            if execution.context is not None:
                execution.context.stopping = True

    def stop_now(self) -> None:
        """Stop without the grace."""
        self.stop()
        self._now.set()

    @property
    def quiet(self) -> bool:
        """Is nothing held, and no retry of ours outstanding?"""
        return self._quiet.is_set() and self._loop.time() >= self._retry_until

    async def idle(self, queues: Sequence[str] | None = None) -> None:
        """Wait until nothing is eligible or runs in these queues, here or elsewhere, retries included.

        What is delayed, snoozed, paused or waits for such a task is not waited for.
        """
        served = self.queues if queues is None else queues
        pause = 0.01
        while not self._stopping.is_set():
            await self._quiet.wait()
            waits = self._loop.time() < self._retry_until
            if not waits and not await self._work_left(served) and self._quiet.is_set():
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.25)

    # What the claimer asks and brings.

    def _want(self) -> int:
        if self._stopping.is_set():
            return 0
        return self._demand.want(len(self._running), len(self._buffer), self._executor.stuck)

    def _take(self, tasks: list[ClaimedTask], now: int, sent: float) -> None:
        received = self._loop.time()
        executions = [Execution(task, received, sent) for task in tasks]
        for execution in executions:
            execution.read_policy(now)
        self._leases.hold(executions)
        self._buffer.extend(executions)
        self._quiet.clear()
        if self._stopping.is_set():
            self._give_back()
        else:
            self._fill()

    def _fill(self) -> None:
        """Start what fits. Not re-entrant: an eagerly started body may end inside its own start."""
        if self._filling:
            return
        self._filling = True
        try:
            free = self.settings.concurrency - self._executor.stuck
            while self._buffer and len(self._running) < free:
                self._start(self._buffer.popleft())
                free = self.settings.concurrency - self._executor.stuck
        finally:
            self._filling = False
        if self._buffer:
            self._arm(self._buffer[0].claimed + STALE)
        self._claimer.look()

    def _start(self, execution: Execution) -> None:
        now = self._loop.time()
        if execution.why is Why.LOST or now >= self._leases.expires(execution):
            self._leases.drop((execution,))
            self._look_quiet()
            return
        execution.begin(now, self.settings.shutdown_grace)
        self._running.add(execution)
        self._arm(min(execution.ends, self._leases.expires(execution)))
        coroutine = self._one(execution)
        if _EAGER:
            execution.atask = _eager_task(coroutine, loop=self._loop, eager_start=True)
        else:
            execution.atask = self._loop.create_task(coroutine)

    async def _one(self, execution: Execution) -> None:
        """The one Task of an attempt; its ending reaches the settler whatever happens."""
        if execution.atask is None:
            execution.atask = asyncio.current_task()
        context = Context(
            execution.task,
            self.state,
            self.settings.name,
            lambda seconds: self._post(self._more_time, execution, seconds),
        )
        context.stopping = self._stopping.is_set()
        self._journal.started(execution.task)
        if self._hooks is not None:
            self._hooks.started(context)
        ending: end.Ending | None = end.Interrupted()
        try:
            ending = await self._runner.attempt(execution, context)
        finally:
            self._finish(execution, ending)

    def _finish(self, execution: Execution, ending: end.Ending | None) -> None:
        if execution not in self._running:
            return  # given up at shutdown, and ended by that
        self._running.discard(execution)
        seconds = self._loop.time() - execution.started
        if ending is None:
            self._leases.drop((execution,))
            self._journal.lost(execution.task)
            if self._hooks is not None:
                self._hooks.settled(execution.task, self._settlement(execution, end.Interrupted()), None, seconds)
        else:
            self._demand.saw_task(seconds)
            self._settler.add(Ended(execution, self._settlement(execution, ending), seconds))
        self._check_stuck()
        self._fill()
        self._look_quiet()

    def _settlement(self, execution: Execution, ending: end.Ending) -> Any:
        return settlement(execution.task, ending, execution.policy, chance=self._random.random(), ref=execution.ref)

    def _report(self, ended: Ended, answer: SettleAnswer | None) -> None:
        """Tell the world what the store wrote."""
        asked, task = ended.settlement, ended.execution.task
        became: State | None = asked.to
        if answer is not None:
            cancelled = answer.what is Trouble.CANCELLED
            became = settled_state(asked.to, cancel_requested=True) if cancelled else None
        if became is State.READY and asked.count in (Counter.FAILURES, Counter.CRASHES):
            self._retry_until = max(self._retry_until, self._loop.time() + (asked.delay or 0) / SECOND)
        self._journal.settled(task, asked, became, ended.seconds)
        if self._hooks is not None:
            self._hooks.settled(task, asked, became, ended.seconds)
        self._look_quiet()

    # What others find out.

    def _take_over(self, task: ClaimedTask) -> None:
        """Judge a lost attempt that recovery took over; it is held until that is written."""
        now = self._loop.time()
        execution = Execution(task, now, now)
        execution.read_policy(0)
        execution.started = now
        self._leases.hold((execution,))
        if self._hooks is not None:
            self._hooks.recovered(task)
        error = TaskError("omniq.Crashed", "the worker that ran it did not renew its lease")
        self._settler.add(Ended(execution, self._settlement(execution, end.Crashed(error)), 0.0))
        self._quiet.clear()

    def _swept(self, ended: list[tuple[str, State]]) -> None:
        if self._hooks is not None:
            self._hooks.swept(ended)

    def _told(self, execution: Execution, trouble: Trouble) -> None:
        """Hear from the lease thread, on the loop."""
        if trouble is Trouble.LOST:
            if execution in self._running:
                execution.stop(Why.LOST, self._executor)
            else:
                execution.why = Why.LOST  # in the buffer: dropped at its start; ended: the settle tells
        elif execution in self._running:
            execution.stop(Why.CANCEL, self._executor)
        else:
            execution.cancel = True

    def _more_time(self, execution: Execution, seconds: float | None) -> None:
        if execution in self._running:
            execution.more_time(self._loop.time(), seconds, self.settings.shutdown_grace)
            self._arm(execution.ends)

    def _freed(self) -> None:
        """A thread that was given up has returned."""
        self._fill()
        self._look_quiet()

    def _check_stuck(self) -> None:
        if self._executor.stuck >= self.settings.concurrency and not self._stopping.is_set():
            logger.error(
                "all %d slots are taken by threads that do not return; stopping, a new process must go on",
                self.settings.concurrency,
            )
            self._exit_code = ALL_STUCK
            self.stop()

    # Limits: one timer for all, set to the earliest. A scan of at most `concurrency` entries is cheaper than
    # a heap, which grows by rate x timeout when tasks end early.

    def _arm(self, when: float) -> None:
        if when < self._watched:
            if self._watch is not None:
                self._watch.cancel()
            self._watched = when
            self._watch = self._loop.call_at(when, self._on_time)

    def _on_time(self) -> None:
        self._watch, self._watched = None, FOREVER
        now = self._loop.time()
        earliest = FOREVER
        for execution in list(self._running):
            if execution.why is Why.LOST:
                continue
            fenced = self._leases.expires(execution)
            if now >= fenced:
                execution.stop(Why.LOST, self._executor)
                continue
            if execution.why is None and (why := execution.overrun(now)) is not None:
                execution.stop(why, self._executor)
            earliest = min(earliest, fenced, execution.ends if execution.why is None else FOREVER)
        while self._buffer and now >= self._buffer[0].claimed + STALE:
            self._demand.saw_waiting(STALE)
            self._unstarted(self._buffer.popleft())
        if self._buffer:
            earliest = min(earliest, self._buffer[0].claimed + STALE)
        self._arm(earliest)
        self._claimer.look()

    def _unstarted(self, execution: Execution) -> None:
        execution.started = self._loop.time()
        ending = end.Cancelled() if execution.cancel else end.Interrupted()
        self._settler.add(Ended(execution, self._settlement(execution, ending), 0.0))

    def _give_back(self) -> None:
        while self._buffer:
            self._unstarted(self._buffer.popleft())

    # The end.

    async def _drain(self) -> None:
        settings, loop = self.settings, self._loop
        await self._cancel(self._background)
        self._give_back()
        if self._running:
            logger.info("stopping: %d running tasks may finish", len(self._running))
        grace = loop.time() + settings.shutdown_grace / SECOND
        while self._running and not self._now.is_set() and self._exit_code != ALL_STUCK:
            left = grace - loop.time()
            if left <= 0:
                break
            await self._one_of((*self._bodies(), self._now.wait()), left)
        for execution in list(self._running):
            execution.stop(Why.SHUTDOWN, self._executor)
        if bodies := self._bodies():
            await asyncio.wait(bodies, timeout=CLEANUP)
        for execution in list(self._running):  # a body that swallows its cancellation keeps nothing
            self._finish(execution, end.Interrupted())
        await self._finish_settling(max(grace - loop.time(), LEAST_TO_SETTLE))
        await self._leases.close()
        if self._watch is not None:
            self._watch.cancel()
        await self._exits.aclose()

    async def _finish_settling(self, seconds: float) -> None:
        if self._settling is None:
            return
        self._settler.close()
        if self._now.is_set():
            self._settler.give_up()
        await asyncio.wait([self._settling], timeout=seconds)
        if not self._settling.done():
            self._settler.give_up()
            await asyncio.wait([self._settling], timeout=LEAST_TO_SETTLE)
            self._settling.cancel()

    def _bodies(self) -> list[asyncio.Task[None]]:
        return [execution.atask for execution in self._running if execution.atask is not None]

    async def _one_of(self, waited: Sequence[Awaitable[Any]], seconds: float) -> None:
        futures = [asyncio.ensure_future(one) for one in waited]
        await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for future in futures:
            if future not in self._bodies() and not future.done():
                future.cancel()

    async def _cancel(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _spawn(self, coroutine: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        return self._loop.create_task(coroutine, name=f"omniq-{what}")

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        self._loop.call_soon_threadsafe(call, *args)

    # Idle.

    def _look_quiet(self) -> None:
        if not self._running and not self._buffer and not self._settler.unsettled:
            self._quiet.set()

    async def _work_left(self, queues: Sequence[str]) -> bool:
        rows = await self._tasks.stats(list(queues))
        return any(
            row.counts.get(State.RUNNING, 0) or (row.oldest_ready is not None and not row.paused) for row in rows
        )
