"""What one worker has in hand: tasks that wait for a slot, attempts that run, and the limits of both.

Invariant: no more than `size` bodies run at once, those given up in threads included; and every execution that
came in by `take` goes out by `ended`, once.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from omniq.execution import ending as end
from omniq.execution.context import Context
from omniq.execution.executor import Executor
from omniq.models.values import Micros
from omniq.worker.demand import Demand
from omniq.worker.leases import Leases
from omniq.worker.run import FOREVER, Execution, Runner, Why

__all__ = ("Slots",)

STALE = 1.0
"""Seconds that a claimed task may wait for a slot; then it goes back, since another worker may be free."""

_EAGER = sys.version_info >= (3, 12)
_atask: Any = asyncio.Task  # its eager_start is not known to a checker that targets 3.11


class Slots:
    """The buffer and the running attempts of one engine; everything here is on its loop.

    `ended(execution, ending)` gets what is over, a None for what was lost; `room` is called when there may be
    room for another claim.
    """

    def __init__(
        self,
        size: int,
        *,
        grace: Micros,
        executor: Executor,
        demand: Demand,
        leases: Leases,
        ended: Callable[[Execution, end.Ending | None], None],
        room: Callable[[], None],
    ) -> None:
        self.size, self._grace = size, grace
        self._executor, self._demand, self._leases = executor, demand, leases
        self._ended, self._room = ended, room
        self.buffer: deque[Execution] = deque()
        self.running: set[Execution] = set()
        self._filling = False
        self._watch: asyncio.TimerHandle | None = None
        self._watched = FOREVER

    def open(self, runner: Runner) -> None:
        """Be ready to start bodies on the running loop."""
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time

    def close(self) -> None:
        """Let go of the timer."""
        if self._watch is not None:
            self._watch.cancel()

    @property
    def empty(self) -> bool:
        return not self.running and not self.buffer

    @property
    def full_of_stuck(self) -> bool:
        """Does every slot hold a thread that was given up and does not return?"""
        return self._executor.stuck >= self.size

    @property
    def waiting(self) -> bool:
        """Do claimed tasks wait for a slot?"""
        return bool(self.buffer)

    def want(self) -> int:
        """Say how many tasks to claim now."""
        return self._demand.want(len(self.running), len(self.buffer), self._executor.stuck)

    def take(self, executions: Iterable[Execution]) -> None:
        """Start what was claimed, as slots are free."""
        self.buffer.extend(executions)
        self.fill()

    def fill(self) -> None:
        """Start what fits. Not re-entrant: an eagerly started body may end inside its own start."""
        if self._filling:
            return
        self._filling = True
        buffer, running, free = self.buffer, self.running, self.size - self._executor.stuck
        try:
            while buffer and len(running) < free:
                self._start(buffer.popleft())
        finally:
            self._filling = False
        if buffer and (stale := buffer[0].claimed + STALE) < self._watched:
            self._arm(stale)
        if len(running) + len(buffer) <= self._demand.enough:
            self._room()

    def give_back(self) -> None:
        """End unstarted what waits for a slot."""
        while self.buffer:
            self._unstarted(self.buffer.popleft())

    def stop(self, why: Why) -> None:
        """Stop every body."""
        for execution in list(self.running):
            execution.stop(why, self._executor)

    def told(self, execution: Execution, why: Why) -> None:
        """Hear from the store that one was lost or is to be cancelled."""
        if execution in self.running:
            execution.stop(why, self._executor)
        elif why is Why.LOST:
            execution.why = Why.LOST  # in the buffer: dropped at its start; ended: the settle tells
        else:
            execution.cancel = True

    def more_time(self, context: Context[Any], seconds: float | None) -> None:
        """Count the timeout of one attempt anew."""
        for execution in self.running:
            if execution.context is context:
                execution.more_time(self._time(), seconds, self._grace)
                self._arm(execution.ends)

    def bodies(self) -> list[asyncio.Task[None]]:
        return [execution.atask for execution in self.running if execution.atask is not None]

    def finish(self, execution: Execution, ending: end.Ending | None) -> None:
        """Free the slot of what has ended, and start the next."""
        if execution not in self.running:
            return  # given up at shutdown, and ended by that
        self.running.discard(execution)
        execution.seconds = seconds = self._time() - execution.started
        if ending is not None:
            self._demand.saw_task(seconds)
        self._ended(execution, ending)
        self.fill()

    def _start(self, execution: Execution) -> None:
        now = self._time()
        expires = self._leases.expires(execution)
        if execution.why is Why.LOST or now >= expires:
            execution.started = now
            self._ended(execution, None)
            return
        execution.begin(now, self._grace)
        self.running.add(execution)
        limit = execution.ends if execution.ends < expires else expires
        if limit < self._watched:
            self._arm(limit)
        attempt = self._runner.attempt(execution)
        # Made directly: `create_task` asks for factories and names, at a tenth of what a short task costs.
        if _EAGER:
            execution.atask = _atask(attempt, loop=self._loop, name=execution.task.name, eager_start=True)
        else:
            execution.atask = _atask(attempt, loop=self._loop, name=execution.task.name)

    def _unstarted(self, execution: Execution) -> None:
        execution.started = self._time()
        self._ended(execution, end.Cancelled() if execution.cancel else end.Interrupted())

    # Limits: one timer for all, set to the earliest. A scan of at most `size` entries is cheaper than a heap,
    # which grows by rate x timeout when tasks end early.

    def _arm(self, when: float) -> None:
        if when < self._watched:
            if self._watch is not None:
                self._watch.cancel()
            self._watched = when
            self._watch = self._loop.call_at(when, self._on_time)

    def _on_time(self) -> None:
        self._watch, self._watched = None, FOREVER
        now = self._time()
        earliest = FOREVER
        for execution in list(self.running):
            if execution.why is Why.LOST:
                continue
            fenced = self._leases.expires(execution)
            if now >= fenced:
                execution.stop(Why.LOST, self._executor)
                continue
            if execution.why is None and (why := execution.overrun(now)) is not None:
                execution.stop(why, self._executor)
            earliest = min(earliest, fenced, execution.ends if execution.why is None else FOREVER)
        while self.buffer and now >= self.buffer[0].claimed + STALE:
            self._demand.saw_waiting(STALE)
            self._unstarted(self.buffer.popleft())
        if self.buffer:
            earliest = min(earliest, self.buffer[0].claimed + STALE)
        self._arm(earliest)
        self._room()
