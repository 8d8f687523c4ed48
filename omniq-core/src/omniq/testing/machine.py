"""A store and the model in lock step: random calls, valid ones and stale ones, answered alike or reported.

Hypothesis draws the calls, one virtual clock drives both stores, and after every step everything that can be
read of one is compared with the other. What the contract leaves open is not compared: refs, the exact
`next_due`, version numbers of kv entries, and whether a claim or a sweep meets an expired task first.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, precondition, rule

from omniq.builtin.memory import MemoryBackend
from omniq.models.states import Counter, OnParent, Reason, State, Until
from omniq.models.values import HOUR, MILLISECOND, MINUTE, SECOND
from omniq.storage.base import Feature
from omniq.storage.records import (
    TOMBSTONE,
    Claimed,
    ClaimedTask,
    Hold,
    NewTask,
    Settlement,
    TaskRecord,
    Where,
)
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import LEASE, draft, key

__all__ = ("LockStep", "Pair", "lockstep")

Pair: TypeAlias = tuple[ClaimedTask, ClaimedTask]
"""One claimed task as the store under test and the model gave it."""

QUEUES = ("a", "b")
ALL = 1_000
STEPS = (0, MILLISECOND, SECOND, 3 * SECOND, LEASE + 1, MINUTE, TOMBSTONE, 25 * HOUR)
DELAYS = (0, SECOND, 2 * SECOND, MINUTE)

tasks = Bundle("tasks")
holds = Bundle("holds")
claims = Bundle("claims")


class LockStep(RuleBasedStateMachine):
    """The rules; `lockstep` gives the class that has a store to test.

    Holds stay in their bundle after they ended, so most late calls are stale: that is the point.
    """

    place: Callable[[ExitStack], BaseTaskQueue]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runner = self.stack.enter_context(asyncio.Runner())
        self.clock = VirtualClock()
        self.written: list[NewTask] = []
        self.count = 0
        self.unswept = False
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

    def number(self) -> int:
        self.count += 1
        return self.count

    def make(self, data: st.DataObject, *, graph: bool = True) -> NewTask:
        """Draw a task to write."""
        draw = data.draw
        changes: dict[str, Any] = {
            "id": str(uuid.UUID(int=(0x01900000 << 96) | (0x7000 << 64) | (0x8 << 60) | self.number())),
            "queue": draw(st.sampled_from(QUEUES)),
            "priority": draw(st.integers(4, 6)),
            "payload": str(self.count).encode(),
            "tags": draw(st.sampled_from([(), ("x",), ("x", "y")])),
            "keep": draw(st.sampled_from([0, HOUR, 24 * HOUR])),
            "delay": draw(st.sampled_from(DELAYS)),
            "ttl": draw(st.sampled_from([None, None, SECOND, MINUTE])),
        }
        if draw(st.integers(0, 3)) == 0:
            kinds = [Until.TERMINAL, Until.STARTED]
            if self.has(Feature.WINDOW_KEYS):
                kinds.append(Until.WINDOW)
            until = draw(st.sampled_from(kinds))
            window = MINUTE if until is Until.WINDOW else 0
            changes["unique"] = key(draw(st.sampled_from("kl")), until=until, window=window)
        if draw(st.integers(0, 9)) == 0:
            changes["insert_before"] = self.clock() + draw(st.sampled_from([0, SECOND]))
        if graph and self.has(Feature.EDGES) and self.written and draw(st.booleans()):
            near = [task.id for task in self.written[-6:]]
            changes["parents"] = tuple(draw(st.lists(st.sampled_from(near), min_size=1, max_size=3)))
            changes["on_parent"] = draw(st.sampled_from(OnParent))
        return draft(**changes)

    @initialize()
    def begin(self) -> None:
        self.compare()

    @precondition(lambda self: not self.unswept)
    @rule(target=tasks, data=st.data(), size=st.integers(1, 4), fresh=st.booleans())
    def enqueue(self, data: st.DataObject, size: int, fresh: bool) -> Any:
        batch = []
        for _ in range(size):
            batch.append(self.make(data))
            self.written.append(batch[-1])
        self.both("enqueue", batch, fresh=fresh)
        self.compare()
        return multiple(*batch)

    @precondition(lambda self: not self.unswept)
    @rule(again=st.lists(tasks, min_size=1, max_size=3), change=st.booleans())
    def enqueue_again(self, again: list[NewTask], change: bool) -> None:
        if change:
            again = [*again, msgspec.structs.replace(again[0], digest=b"another digest!!")]
        self.both("enqueue", again)
        self.compare()

    @rule(
        target=holds,
        queues=st.permutations(QUEUES).map(tuple) | st.sampled_from([("a",), ("b",)]),
        limit=st.integers(1, 3),
        lease=st.sampled_from([SECOND, LEASE]),
    )
    def claim(self, queues: tuple[str, ...], limit: int, lease: int) -> Any:
        limit = limit if self.has(Feature.STRICT_ORDER) else ALL
        claim_id = self.number()
        options = {"limit": limit, "lease": lease, "worker": "w", "claim_id": claim_id}
        ours: Claimed = self.run(self.subject.claim(queues, **options))  # type: ignore[arg-type]
        theirs: Claimed = self.run(self.model.claim(queues, **options))  # type: ignore[arg-type]
        pairs = self.paired(ours.tasks, theirs.tasks, ordered=self.has(Feature.STRICT_ORDER))
        assert ours.now == theirs.now
        self.due_is_fair(ours, theirs)
        self.swept(ours.expired, theirs.expired)
        self.compare()
        return multiple(*pairs)

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        self.swept([], [], limit)
        self.compare()

    @rule(step=st.sampled_from(STEPS), sweep=st.booleans())
    def advance(self, step: int, sweep: bool) -> None:
        self.clock.step(step)
        self.unswept = True
        if sweep:
            self.sweep(ALL)

    @precondition(lambda self: not self.unswept)
    @rule(
        pairs=st.lists(holds, min_size=1, max_size=3),
        lease=st.sampled_from([SECOND, LEASE]),
        note=st.sampled_from([None, b"", b"note"]),
    )
    def extend(self, pairs: list[Pair], lease: int, note: bytes | None) -> None:
        answers = [
            self.run(store.extend([Hold(pair[side].fence, pair[side].ref, note) for pair in pairs], lease=lease))
            for side, store in enumerate((self.subject, self.model))
        ]
        told = [[(one.task_id, one.what) for one in answer if one.what is not None] for answer in answers]
        assert told[0] == told[1], f"extend answered {told[0]}, the model {told[1]}"
        self.compare()

    @precondition(lambda self: not self.unswept)
    @rule(
        pairs=st.lists(holds, min_size=1, max_size=3),
        to=st.sampled_from([State.SUCCEEDED, State.READY, State.FAILED, State.CANCELLED]),
        count=st.sampled_from(Counter),
        delay=st.sampled_from([None, *DELAYS]),
        keep=st.sampled_from([None, HOUR]),
        note=st.sampled_from([None, b"note"]),
        data=st.data(),
    )
    def settle(
        self,
        pairs: list[Pair],
        to: State,
        count: Counter,
        delay: int | None,
        keep: int | None,
        note: bytes | None,
        data: st.DataObject,
    ) -> None:
        after: tuple[NewTask, ...] = ()
        if self.has(Feature.FOLLOW_UPS) and data.draw(st.integers(0, 3)) == 0:
            after = (self.make(data, graph=False),)
            self.written += after
        ready, failed = to is State.READY, to is State.FAILED
        how: dict[str, Any] = {
            "to": to,
            "count": count if ready or failed else None,
            "delay": delay if ready else None,
            "reason": Reason.EXCEPTION if failed else None,
            "error": b"why" if failed else None,
            "result": b"value" if to is State.SUCCEEDED else None,
            "keep": None if ready else keep,
            "note": note,
            "after": after,
        }
        answers = [
            self.run(store.settle([Settlement(fence=pair[side].fence, ref=pair[side].ref, **how) for pair in pairs]))
            for side, store in enumerate((self.subject, self.model))
        ]
        assert answers[0] == answers[1], f"settle answered {answers[0]}, the model {answers[1]}"
        self.compare()

    @precondition(lambda self: not self.unswept)
    @rule(target=holds, limit=st.integers(1, 3))
    def reclaim(self, limit: int) -> Any:
        options = {"limit": limit, "lease": LEASE, "worker": "v", "claim_id": self.number()}
        ours = self.run(self.subject.reclaim(**options))  # type: ignore[arg-type]
        theirs = self.run(self.model.reclaim(**options))  # type: ignore[arg-type]
        pairs = self.paired(ours, theirs, ordered=True)
        self.compare()
        return multiple(*pairs)

    @precondition(lambda self: not self.unswept)
    @rule(pair=holds)
    def abandon(self, pair: Pair) -> None:
        self.both("abandon", pair[1].fence.claim_id)
        self.compare()

    @precondition(lambda self: not self.unswept)
    @rule(
        operation=st.sampled_from(["cancel", "requeue", "delete"]),
        chosen=st.lists(tasks, min_size=1, max_size=3),
    )
    def operate(self, operation: str, chosen: list[NewTask]) -> None:
        self.both(operation, [task.id for task in chosen])
        self.compare()

    @precondition(lambda self: not self.unswept)
    @rule(queue=st.sampled_from(QUEUES), on=st.booleans())
    def pause(self, queue: str, on: bool) -> None:
        self.both("set_paused", [queue], on)
        self.compare()

    @precondition(lambda self: not self.unswept)
    @rule()
    def go_on_with_a_companion(self) -> None:
        """What a handle knows beside the store must not matter: drop it, as a crash would."""
        companion = self.subject.companion()
        companion.clock = self.clock
        self.run(companion.open())
        self.run(self.subject.close())
        self.subject = companion
        self.compare()

    @precondition(lambda self: self.has(Feature.KV))
    @rule(
        name=st.sampled_from("kl"),
        value=st.sampled_from([b"1", b"2"]),
        current=st.booleans(),
        due=st.sampled_from([None, 0, MINUTE]),
        remove=st.booleans(),
    )
    def kv(self, name: str, value: bytes, current: bool, due: int | None, remove: bool) -> None:
        took = []
        for store in (self.subject, self.model):
            entry = self.run(store.kv_get("ns", name))
            expect = (0 if entry is None else entry.version) if current else ALL
            if remove:
                took.append(self.run(store.kv_delete("ns", name, expect=expect)))
            else:
                at = None if due is None else self.clock() + due
                version = self.run(store.kv_put("ns", name, value, expect=expect, due=at))
                took.append(version is not None)
        assert took[0] == took[1], f"kv answered {took[0]}, the model {took[1]}"
        for read in ("kv_list", "kv_due"):
            seen = [self.run(getattr(store, read)("ns")) for store in (self.subject, self.model)]
            plain = [([(one.key, one.value, one.due) for one in page], rest) for page, rest in seen]
            assert plain[0] == plain[1], f"{read} answered {plain[0]}, the model {plain[1]}"

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
        self.unswept = False

    def compare(self) -> None:
        """Read everything of both."""
        if self.unswept:
            return
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


def lockstep(place: Callable[[ExitStack], BaseTaskQueue]) -> type[LockStep]:
    """Give the machine for one store; hang what must be cleaned up after each run onto the stack.

    TestMine = lockstep(lambda stack: MyBackend(...).tasks()).TestCase
    TestMine.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
    """
    return type("StoreLockStep", (LockStep,), {"place": staticmethod(place)})
