"""Two stores under one clock: the same call to both, and everything that can be read of them compared.

What the contract leaves open is not compared: refs, the exact `next_due`, and whether a claim or a sweep
meets an expired task first: after each claim both are swept to the end, and until then not compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

import msgspec
from hypothesis.stateful import RuleBasedStateMachine

from omniq.builtin.memory import MemoryBackend
from omniq.models.states import State
from omniq.models.values import SECOND
from omniq.storage.base import Feature
from omniq.storage.records import Claimed, ClaimedTask, NewTask, TaskRecord, Where
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock

__all__ = ("ALL", "QUEUES", "Pair", "Twins")

Pair: TypeAlias = tuple[ClaimedTask, ClaimedTask]
"""One claimed task as the store under test and the model gave it."""

QUEUES = ("a", "b")
ALL = 1_000


class Twins(RuleBasedStateMachine):
    """The store under test, the model, and their clock."""

    place: Callable[[ExitStack], BaseTaskQueue]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runner = self.stack.enter_context(asyncio.Runner())
        self.clock = VirtualClock()
        self.written: list[NewTask] = []
        self.count = 0
        self.subject = type(self).place(self.stack)
        self.model: BaseTaskQueue = MemoryBackend().tasks()
        for store in (self.subject, self.model):
            store.clock = self.clock
            self.run(store.open())
        self.features = self.subject.capabilities.features

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    def both(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """Make the same call on both; the answers must be equal."""
        ours = self.run(getattr(self.subject, operation)(*args, **kwargs))
        theirs = self.run(getattr(self.model, operation)(*args, **kwargs))
        assert ours == theirs, f"{operation} answered {ours}, the model {theirs}"
        return theirs

    def has(self, feature: Feature) -> bool:
        return feature in self.features

    def paired(self, ours: list[ClaimedTask], theirs: list[ClaimedTask], *, ordered: bool) -> list[Pair]:
        if not ordered:
            ours = sorted(ours, key=lambda task: task.fence.task_id)
            theirs = sorted(theirs, key=lambda task: task.fence.task_id)
        plain = [[msgspec.structs.replace(task, ref=None) for task in side] for side in (ours, theirs)]
        assert plain[0] == plain[1], f"given were {plain[0]}, by the model {plain[1]}"
        return list(zip(ours, theirs, strict=True))

    def due_is_fair(self, ours: Claimed, theirs: Claimed) -> None:
        """`next_due` may be early, never late by more than a second."""
        if theirs.next_due is not None:
            assert ours.next_due is not None, f"the next task is due in {theirs.next_due} µs, and none was told"
            assert ours.next_due <= theirs.next_due + SECOND

    def swept(self, ours: Sequence[str], theirs: Sequence[str], limit: int = ALL) -> None:
        """Sweep both to the end; what ended, on the way or here, must be the same."""
        ended = []
        for store, before in ((self.subject, ours), (self.model, theirs)):
            gone = [(one, State.EXPIRED) for one in before]
            more = True
            while more:
                swept = self.run(store.sweep(limit))
                gone += [(one, state) for one, state in swept.ended if state is State.EXPIRED]
                more = swept.more
            ended.append(sorted(gone))
        assert ended[0] == ended[1], f"ended {ended[0]}, in the model {ended[1]}"

    def compare(self) -> None:
        """Read everything of both."""
        ids = [task.id for task in self.written]
        ours, theirs = (self.run(store.get(ids, payload=True, result=True)) for store in (self.subject, self.model))
        for one, other in zip(ours, theirs, strict=True):
            assert one == other, differing(one, other)
        self.both("stats", QUEUES)
        self.both("wait_finished", ids, timeout=0)
        listed = [
            [one.id for one in self.run(store.list(Where(tag="x"), limit=ALL)).items]
            for store in (self.subject, self.model)
        ]
        if not self.has(Feature.INDEXED_LIST):
            listed = [sorted(one) for one in listed]
        assert listed[0] == listed[1], f"listed {listed[0]}, by the model {listed[1]}"

    def teardown(self) -> None:
        for store in (self.subject, self.model):
            self.run(store.close())
        self.stack.close()


def differing(one: TaskRecord | None, other: TaskRecord | None) -> str:
    """Name the fields in which two records differ."""
    if one is None or other is None:
        return f"read {one}, from the model {other}"
    fields = [
        f"{name} is {getattr(one, name)!r}, in the model {getattr(other, name)!r}"
        for name in one.__struct_fields__
        if getattr(one, name) != getattr(other, name)
    ]
    return f"task {one.id}: {'; '.join(fields)}"
