"""Runs tasks from a store until told to stop: start, run, drain; what is in hand is in `slots`.

The engine exists once; a worker kind is an `Executor`. Everything here runs on one loop and nothing of it
waits for user code, but renewal, which has its own thread (`leases`).

Invariant: a claimed task leaves `Leases` in one way only, through the settler, after the store answered; the
exception is a lost one, which belongs to somebody else already.
"""

from __future__ import annotations

import asyncio
import logging
import random
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
from omniq.worker.outcome import settlement, undecided
from omniq.worker.run import Execution, Runner, Why
from omniq.worker.settler import Settler
from omniq.worker.slots import Slots
from omniq.worker.sweeper import Sweeper

if TYPE_CHECKING:
    from omniq.functions import FunctionRegistry
    from omniq.serialization.manager import SerializationManager

__all__ = ("ALL_STUCK", "Engine", "Lifespan")

Lifespan = Callable[[], AbstractAsyncContextManager[Any]]

ALL_STUCK = 75
"""Exit code where every slot is taken by a thread that does not return: only a new process helps."""
CLEANUP = 5.0
"""Seconds that a cancelled body has for its `finally`."""
LEAST_TO_SETTLE = 5.0
"""Seconds that the last outcomes have to reach the store, whatever the grace."""

logger = logging.getLogger("omniq.worker")


class Engine:
    """One worker kind on one task store. `start`, then `run` to the end; `stop` from the loop's thread.

    `executors` maps a kind to its factory; only `settings.kind` is made. The stores are opened and stay so. A
    `supervised` one leaves when all its slots are stuck, since somebody starts its process anew.
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
        supervised: bool = False,
    ) -> None:
        self.settings = settings = settings or WorkerSettings()
        self.queues = settings.queues or ("default",)
        self.state: Any = None
        self._tasks, self._results, self._hooks, self._lifespan = tasks, results, hooks, lifespan
        self._supervised = supervised
        self._executor = executors[settings.kind](settings.concurrency)
        self._journal = Journal(logger)
        demand = Demand(settings.concurrency)
        self._leases = Leases(tasks, settings.lease, self._told)
        self._slots = Slots(
            settings.concurrency,
            grace=settings.shutdown_grace,
            executor=self._executor,
            demand=demand,
            leases=self._leases,
            ended=self._ended,
            room=lambda: self._claimer.look(),
        )
        self._runner = Runner(
            registry,
            serializer,
            self._executor,
            worker=settings.name,
            ended=self._slots.finish,
            more_time=lambda context, seconds: self._post(self._slots.more_time, context, seconds),
        )
        if hooks is not None or self._journal.on:
            self._runner.begun = self._begun
        self._settler = Settler(tasks, results, drop=self._leases.drop, report=self._settled, took=demand.saw_trip)
        self._sweeper = Sweeper(
            tasks, results, lease=settings.lease, worker=settings.name, crashed=self._take_over, ended=self._swept
        )
        self._claimer = Claimer(
            tasks,
            self.queues,
            settings.lease,
            settings.name,
            want=self._want,
            buffered=lambda: self._slots.waiting,
            take=self._take,
        )
        self._retry_until = 0.0
        self._stopping = asyncio.Event()
        self._now = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._background: list[asyncio.Task[None]] = []
        self._settling: asyncio.Task[None] | None = None
        self._exits = AsyncExitStack()
        self._exit_code = 0
        self._stuck = False
        self._random = random.Random()

    @property
    def running(self) -> int:
        """Attempts whose bodies run now."""
        return len(self._slots.running)

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
                self.state = self._runner.state = await exits.enter_async_context(self._lifespan())
            self._exits = exits.pop_all()
        self._slots.open(self._runner)
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
            self._quiet.set()  # whoever waits for it looks again, and finds that this is over
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
        self._runner.stopping = True
        for execution in self._slots.running:
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
            if self._stopping.is_set():
                return
            waits = self._loop.time() < self._retry_until
            if not waits and not await self._work_left(served) and self._quiet.is_set():
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.25)

    # What the claimer asks and brings.

    def _want(self) -> int:
        return 0 if self._stopping.is_set() else self._slots.want()

    def _take(self, tasks: list[ClaimedTask], now: int, sent: float) -> None:
        received = self._loop.time()
        executions = [Execution(task, received, sent) for task in tasks]
        for execution in executions:
            if execution.task.policy:
                execution.read_policy(now)
        self._leases.hold(executions)
        self._quiet.clear()
        self._slots.take(executions)
        if self._stopping.is_set():
            self._slots.give_back()

    # What becomes of an attempt.

    def _begun(self, context: Context[Any]) -> None:
        self._journal.started(context.name, context.fence)
        if self._hooks is not None:
            self._hooks.started(context)

    def _ended(self, execution: Execution, ending: end.Ending | None) -> None:
        """Pass an ending on to the settler; nothing is to be written of what was lost."""
        if ending is not None:
            self._settle(execution, ending)
        else:
            self._leases.drop((execution,))
            if execution.context is not None:
                self._lost(execution)
            self._look_quiet()
        if self._executor.stuck:
            self._check_stuck()

    def _settle(self, execution: Execution, ending: end.Ending) -> None:
        chance, ref = self._random.random(), execution.ref
        try:
            execution.settlement = settlement(execution.task, ending, execution.policy, chance=chance, ref=ref)
        except Exception as why:  # a policy that another program wrote may hold anything
            execution.settlement = undecided(execution.task, why, ref=ref)
        self._settler.add(execution)

    def _lost(self, execution: Execution) -> None:
        self._journal.lost(execution.task)
        if self._hooks is not None:
            self._hooks.settled(execution.task, None, None, execution.seconds)

    def _settled(self, batch: Sequence[Execution], answers: Sequence[SettleAnswer]) -> None:
        """Tell the world what the store wrote."""
        if not (answers or self._hooks or self._journal.on) and all(
            one.settlement.to is State.SUCCEEDED for one in batch
        ):
            self._look_quiet()
            return
        odd = {answer.task_id: answer for answer in answers}
        for execution in batch:
            asked = execution.settlement
            became: State | None = asked.to
            if odd and (answer := odd.get(execution.id)) is not None:
                cancelled = answer.what is Trouble.CANCELLED
                became = settled_state(asked.to, cancel_requested=True) if cancelled else None
            if became is State.READY and asked.count in (Counter.FAILURES, Counter.CRASHES):
                self._retry_until = max(self._retry_until, self._loop.time() + (asked.delay or 0) / SECOND)
            if became is None:
                self._lost(execution)
                continue
            if self._journal.on:
                self._journal.settled(execution.task, asked, became, execution.seconds)
            if self._hooks is not None:
                self._hooks.settled(execution.task, asked, became, execution.seconds)
        self._look_quiet()

    # What others find out.

    def _take_over(self, task: ClaimedTask) -> None:
        """Judge a lost attempt that recovery took over; it is held until that is written."""
        now = self._loop.time()
        execution = Execution(task, now, now)
        if task.policy:
            execution.read_policy(0)
        execution.started = now
        self._leases.hold((execution,))
        if self._hooks is not None:
            self._hooks.recovered(task)
        error = TaskError("", "the worker that ran it did not renew its lease")
        self._settle(execution, end.Crashed(error))
        self._quiet.clear()

    def _swept(self, ended: list[tuple[str, State]]) -> None:
        if self._hooks is not None:
            self._hooks.swept(ended)

    def _told(self, execution: Execution, trouble: Trouble) -> None:
        """Hear from the lease thread, on the loop."""
        self._slots.told(execution, Why.LOST if trouble is Trouble.LOST else Why.CANCEL)

    def _freed(self) -> None:
        """A thread that was given up has returned."""
        self._stuck = False
        self._slots.fill()
        self._look_quiet()

    def _check_stuck(self) -> None:
        if self._stuck or self._stopping.is_set() or not self._slots.full_of_stuck:
            return
        self._stuck = True
        logger.error(
            "all %d slots are taken by threads that ran past their timeout; %s",
            self.settings.concurrency,
            "stopping, a new process must go on" if self._supervised else "nothing is started until one returns",
        )
        if self._supervised:
            self._exit_code = ALL_STUCK
            self.stop()

    # The end.

    async def _drain(self) -> None:
        settings, loop = self.settings, self._loop
        await self._cancel(self._background)
        self._slots.give_back()
        if self.running:
            logger.info("stopping: %d running tasks may finish", self.running)
        grace = loop.time() + settings.shutdown_grace / SECOND
        while self.running and not self._now.is_set() and self._exit_code != ALL_STUCK:
            left = grace - loop.time()
            if left <= 0:
                break
            await self._one_of((*self._slots.bodies(), self._now.wait()), left)
        self._slots.stop(Why.SHUTDOWN)
        if bodies := self._slots.bodies():
            await asyncio.wait(bodies, timeout=CLEANUP)
        for execution in list(self._slots.running):  # a body that swallows its cancellation keeps nothing
            self._slots.finish(execution, end.Interrupted())
        await self._finish_settling(max(grace - loop.time(), LEAST_TO_SETTLE))
        await self._leases.close()
        self._slots.close()
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

    async def _one_of(self, waited: Sequence[Awaitable[Any]], seconds: float) -> None:
        futures = [asyncio.ensure_future(one) for one in waited]
        await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for future in futures:
            if future not in self._slots.bodies() and not future.done():
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
        if self._slots.empty and not self._settler.unsettled:
            self._quiet.set()

    async def _work_left(self, queues: Sequence[str]) -> bool:
        rows = await self._tasks.stats(list(queues))
        return any(
            row.counts.get(State.RUNNING, 0) or (row.oldest_ready is not None and not row.paused) for row in rows
        )
