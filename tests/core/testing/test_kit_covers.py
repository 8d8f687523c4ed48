"""The kit makes every transition of the table happen, calls every operation, and asks about every feature.

Seen, not declared: all cases run on the memory store with an observer between, which compares the records before
and after each call.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from typing import ClassVar

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.models.states import TRANSITIONS, By, State
from omniq.storage.base import Feature
from omniq.storage.events import BaseEventStorage
from omniq.storage.records import Where
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing import EventConformance, QueueConformance, ResultConformance
from omniq.testing.faults import FaultyEventStorage, FaultyResultStorage, FaultyStore
from omniq.testing.kit.ground import run_cases
from omniq.testing.kit.repeats import RepeatCases

BY = {
    "enqueue": By.ENQUEUE,
    "claim": By.CLAIM,
    "abandon": By.ABANDON,
    "extend": By.EXTEND,
    "settle": By.SETTLE,
    "reclaim": By.RECLAIM,
    "cancel": By.CANCEL,
    "requeue": By.REQUEUE,
    "delete": By.DELETE,
    "sweep": By.SWEEP,
}
ALLOWED_NOT_PROMISED = {
    (State.WAITING, State.EXPIRED, By.CLAIM),  # a claim need not meet what waits: the sweep does
    # Re-checks of what a store left undone: memory leaves nothing undone. tests/protocols walks them.
    *((State.WAITING, to, By.SWEEP) for to in (State.READY, State.SKIPPED, State.FAILED)),
}
UNSEEN = {
    Feature.MULTI_HOST: "several hosts",
    Feature.NOTIFY: "how a waiter wakes; that it wakes is asked of every store",
    Feature.TRANSACTIONS: "that it is offered where it is declared is asked of every store",
    Feature.EXACT_DELAY: "a delay on the clock of the kit is exact for every store",
}
"""Features that no case can tell apart from outside, and what they are about."""


class Observer(FaultyStore):
    """Notes which rows of the table a call made happen, and that nothing else did."""

    rows: ClassVar[set] = set()
    strange: ClassVar[list] = []

    async def _pass(self, operation, args, kwargs):
        waits = kwargs.get("wait") or kwargs.get("timeout")
        before = await self.snapshot()
        try:
            return await super()._pass(operation, args, kwargs)
        finally:
            if not waits:  # another call may come in between
                self.compare(operation, before, await self.snapshot())

    async def snapshot(self):
        if not self.inner._usable:
            return {}
        return {one.id: one for one in (await self.inner.list(Where(), limit=100_000)).items}

    def compare(self, operation, before, after):
        by = BY.get(operation)
        changed = {one for one in before | after if before.get(one) != after.get(one)}
        for one in changed:
            old, new = before.get(one), after.get(one)
            source, to = old and old.state, new and new.state
            row = (source, to, self.cause(by, old, new, changed))
            if source is to and row not in TABLE:
                continue  # a note, a place, a counter of what goes on
            if row in TABLE:
                self.rows.add(row)
            elif before and after:
                self.strange.append((operation, *row))

    def cause(self, by, old, new, changed):
        if old is None:
            return By.ENQUEUE
        released = new is not None and old.state is State.WAITING and new.state is not State.WAITING
        return By.PARENT_END if released and changed & set(new.parents) else by


TABLE = {(row.source, row.to, row.by) for row in TRANSITIONS}


@pytest.fixture(scope="module")
def observed():
    """Run all cases once; give what was seen."""
    Observer.rows, Observer.strange = set(), []
    outcome = asyncio.run(
        run_cases(QueueConformance, lambda: lambda project: Observer(MemoryBackend(project=project).tasks()))
    )
    assert {name for name, error in outcome.items() if error is not None} == set()
    return Observer


def test_every_row_of_the_table_happens_in_some_case(observed):
    assert TABLE - observed.rows == ALLOWED_NOT_PROMISED


def test_nothing_happens_that_is_not_in_the_table(observed):
    assert observed.strange == []


@pytest.mark.parametrize(
    ("contract", "conformance", "wrapper", "make"),
    [
        (BaseTaskQueue, QueueConformance, FaultyStore, "tasks"),
        (BaseResultStorage, ResultConformance, FaultyResultStorage, "results"),
        (BaseEventStorage, EventConformance, FaultyEventStorage, "events"),
    ],
)
async def test_every_operation_is_called_by_some_case(contract, conformance, wrapper, make):
    calls = []

    class Counting(wrapper):
        async def _pass(self, operation, args, kwargs):
            calls.append(operation)
            return await super()._pass(operation, args, kwargs)

    for life in ("open", "close", "companion", "server_now", "capabilities"):
        setattr(Counting, life, counted(getattr(wrapper, life), life, calls))
    Counting.__abstractmethods__ = frozenset()

    await run_cases(conformance, lambda: lambda project: Counting(getattr(MemoryBackend(project=project), make)()))

    assert set(contract.__abstractmethods__) - set(calls) == set()


def counted(real, name, calls):
    if isinstance(real, property):
        return property(lambda self: (calls.append(name), real.fget(self))[1])

    def call(self, *args, **kwargs):
        calls.append(name)
        return real(self, *args, **kwargs)

    return call


def test_every_operation_but_the_life_of_a_handle_is_called_in_bad_weather():
    words = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(RepeatCases))))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    life = {"open", "close", "companion", "server_now", "capabilities"}

    assert set(BaseTaskQueue.__abstractmethods__) - life - words == set()


def test_every_feature_is_asked_about():
    asked = Feature.NONE
    for name in dir(QueueConformance):
        case = getattr(QueueConformance, name)
        if name.startswith("test_"):
            asked |= getattr(case, "wants", Feature.NONE)

    assert {one for one in Feature if one not in asked} == set(UNSEEN)
