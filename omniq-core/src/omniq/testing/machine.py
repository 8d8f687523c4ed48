"""A store and the model in lock step: random calls, valid ones and stale ones, answered alike or reported.

Hypothesis draws the calls, one virtual clock drives both stores, and after every step everything that can be
read of one is compared with the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from omniq.models.states import Counter, OnParent, Reason, State, Until
from omniq.models.values import HOUR, MILLISECOND, MINUTE, SECOND
from omniq.storage.base import Feature
from omniq.storage.records import (
    TOMBSTONE,
    Claimed,
    Hold,
    NewTask,
    Settlement,
)
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.kit.words import LEASE, draft, key
from omniq.testing.twins import ALL, QUEUES, Pair, Twins

__all__ = ("LockStep", "lockstep")

# Weighed so that most tasks can be claimed and most holds are still good when the next rule meets them.
STEPS = (0, MILLISECOND, SECOND, SECOND, 3 * SECOND, LEASE + 1, LEASE + 1, MINUTE, TOMBSTONE, 25 * HOUR)
DELAYS = (0, 0, 0, 0, SECOND, MINUTE)
TTLS = (None, None, None, None, SECOND, MINUTE)

ONE_IN_FOUR = st.sampled_from([False] * 3 + [True])
ONE_IN_TEN = st.sampled_from([False] * 9 + [True])

ASKS = st.fixed_dictionaries(
    {
        "queues": st.permutations(QUEUES).map(tuple) | st.sampled_from([("a",), ("b",)]),
        "limit": st.integers(1, 4),
        "lease": st.sampled_from([SECOND, LEASE, LEASE]),
    }
)
MEANWHILE = st.sampled_from(["cancel", "extend", "lease ends", "reclaim", "abandon"])
_note = {"note": st.sampled_from([None, b"", b"note"])}
_keep = {"keep": st.sampled_from([None, 0, HOUR]), **_note}
ENDINGS = st.one_of(
    st.fixed_dictionaries({"to": st.just(State.SUCCEEDED), "result": st.sampled_from([None, b"", b"v"]), **_keep}),
    st.fixed_dictionaries(
        {
            "to": st.just(State.FAILED),
            "reason": st.sampled_from(Reason),
            "error": st.sampled_from([None, b"why"]),
            "count": st.sampled_from([None, Counter.FAILURES, Counter.CRASHES]),
            **_keep,
        }
    ),
    st.fixed_dictionaries(
        {
            "to": st.just(State.READY),
            "count": st.sampled_from(Counter),
            "delay": st.sampled_from([None, *DELAYS]),
            **_note,
        }
    ),
    st.fixed_dictionaries({"to": st.just(State.CANCELLED), **_keep}),
)
THREE_ENDINGS = st.lists(ENDINGS, min_size=3, max_size=3)

tasks = Bundle("tasks")
holds = Bundle("holds")


class LockStep(Twins):
    """The rules; `lockstep` gives the class that has a store to test.

    Holds stay in their bundle after they ended, so most late calls are stale: that is the point.
    """

    def number(self) -> int:
        self.count += 1
        return self.count

    def next_id(self) -> str:
        """Make an id in the shape of a UUIDv7; the same ones in every run, so that a failure can be replayed."""
        return str(uuid.UUID(int=(0x01900000 << 96) | (0x7000 << 64) | (0x8 << 60) | self.number()))

    def make(self, data: st.DataObject, *, graph: bool = True) -> NewTask:
        """Draw a task to write."""
        draw = data.draw
        changes: dict[str, Any] = {
            "id": self.next_id(),
            "queue": draw(st.sampled_from(QUEUES)),
            "priority": draw(st.integers(4, 6)),
            "payload": str(self.count).encode(),
            "tags": draw(st.sampled_from([(), ("x",), ("x", "y")])),
            "keep": draw(st.sampled_from([0, HOUR, 24 * HOUR])),
            "delay": draw(st.sampled_from(DELAYS)),
            "ttl": draw(st.sampled_from(TTLS)),
        }
        if draw(ONE_IN_FOUR):
            until = draw(st.sampled_from(Until))
            window = MINUTE if until is Until.WINDOW else 0
            changes["unique"] = key(draw(st.sampled_from("kl")), until=until, window=window)
        if draw(ONE_IN_TEN):
            changes["insert_before"] = self.clock() + draw(st.sampled_from([0, SECOND, SECOND]))
        if graph and self.written and draw(st.booleans()):
            near = [task.id for task in self.written[-6:]]
            changes["parents"] = tuple(draw(st.lists(st.sampled_from(near), min_size=1, max_size=3)))
            changes["on_parent"] = draw(st.sampled_from(OnParent))
        return draft(**changes)

    @initialize(target=tasks)
    def begin(self) -> Any:
        """Start with something to claim, so that no run is spent on empty queues."""
        batch = [draft(id=self.next_id(), queue=queue, payload=b"first") for queue in QUEUES * 2]
        self.written += batch
        self.both("enqueue", batch, fresh=True)
        self.compare()
        return multiple(*batch)

    @rule(target=tasks, data=st.data(), size=st.integers(1, 4), fresh=st.booleans())
    def enqueue(self, data: st.DataObject, size: int, fresh: bool) -> Any:
        batch = []
        for _ in range(size):
            batch.append(self.make(data))
            self.written.append(batch[-1])
        self.both("enqueue", batch, fresh=fresh)
        self.compare()
        return multiple(*batch)

    @rule(again=st.lists(tasks, min_size=1, max_size=3), change=st.booleans())
    def enqueue_again(self, again: list[NewTask], change: bool) -> None:
        if change:
            again = [*again, msgspec.structs.replace(again[0], digest=b"another digest!!")]
        self.both("enqueue", again)
        self.compare()

    @rule(target=holds, ask=ASKS, step=st.sampled_from([0, 0, 0, SECOND, MINUTE]))
    def claim(self, ask: dict[str, Any], step: int) -> Any:
        """After a step the claim meets what is past its ttl before any sweep does."""
        self.clock.step(step)
        return multiple(*self.claimed(ask))

    @rule(
        target=holds,
        ask=ASKS,
        meanwhile=st.lists(MEANWHILE, max_size=2),
        hows=THREE_ENDINGS,
        data=st.data(),
    )
    def work(self, ask: dict[str, Any], meanwhile: list[str], hows: list[dict[str, Any]], data: st.DataObject) -> Any:
        """The life of a holder in one rule: claim, let something happen, settle what may be lost by then."""
        pairs = self.claimed(ask)
        if not pairs:
            return multiple()
        for what in meanwhile:
            if what == "cancel":
                self.operate("cancel", [data.draw(st.sampled_from(pairs))[1].fence.task_id])
            elif what == "extend":
                self.extend(pairs, LEASE, b"while it ran")
            elif what == "lease ends":
                self.clock.step(LEASE + 1)
                self.sweep(ALL)
            elif what == "reclaim":
                self.reclaimed(ALL)
            else:
                self.abandon(pairs[0])
        self.settle(pairs, hows, data)
        return multiple(*pairs)

    def claimed(self, ask: dict[str, Any]) -> list[Pair]:
        strict = self.has(Feature.STRICT_ORDER)
        options = {**ask, "limit": ask["limit"] if strict else ALL, "worker": "w", "claim_id": self.number()}
        ours: Claimed = self.run(self.subject.claim(**options))
        theirs: Claimed = self.run(self.model.claim(**options))
        pairs = self.paired(ours.tasks, theirs.tasks, ordered=strict)
        assert ours.now == theirs.now
        self.due_is_fair(ours, theirs)
        self.swept(ours.expired, theirs.expired)
        self.compare()
        return pairs

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        self.swept([], [], limit)
        self.compare()

    @rule(step=st.sampled_from(STEPS), limit=st.integers(1, 3))
    def advance(self, step: int, limit: int) -> None:
        self.clock.step(step)
        self.sweep(limit)

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

    @rule(pairs=st.lists(holds, min_size=1, max_size=3), hows=THREE_ENDINGS, data=st.data())
    def settle(self, pairs: list[Pair], hows: list[dict[str, Any]], data: st.DataObject) -> None:
        after: tuple[NewTask, ...] = ()
        if data.draw(ONE_IN_FOUR):
            after = (self.make(data, graph=False),)
            self.written += after
        answers = [
            self.run(
                store.settle(
                    [
                        Settlement(fence=pair[side].fence, ref=pair[side].ref, after=after, **how)
                        for pair, how in zip(pairs, cycle(hows), strict=False)
                    ]
                )
            )
            for side, store in enumerate((self.subject, self.model))
        ]
        assert answers[0] == answers[1], f"settle answered {answers[0]}, the model {answers[1]}"
        self.compare()

    @rule(target=holds, limit=st.integers(1, 3))
    def reclaim(self, limit: int) -> Any:
        return multiple(*self.reclaimed(limit))

    def reclaimed(self, limit: int) -> list[Pair]:
        options = {"limit": limit, "lease": LEASE, "worker": "v", "claim_id": self.number()}
        ours = self.run(self.subject.reclaim(**options))  # type: ignore[arg-type]
        theirs = self.run(self.model.reclaim(**options))  # type: ignore[arg-type]
        pairs = self.paired(ours, theirs, ordered=True)
        self.compare()
        return pairs

    @rule(pair=holds)
    def abandon(self, pair: Pair) -> None:
        self.both("abandon", pair[1].fence.claim_id)
        self.compare()

    @rule(
        operation=st.sampled_from(["cancel", "requeue", "delete"]),
        chosen=st.lists(tasks.map(lambda task: task.id), min_size=1, max_size=3),
    )
    def operate(self, operation: str, chosen: list[str]) -> None:
        self.both(operation, chosen)
        self.compare()

    @rule(queue=st.sampled_from(QUEUES), on=ONE_IN_FOUR)
    def pause(self, queue: str, on: bool) -> None:
        self.both("set_paused", [queue], on)
        self.compare()

    @rule()
    def go_on_with_a_companion(self) -> None:
        """What a handle knows beside the store must not matter: drop it, as a crash would."""
        companion = self.subject.companion()
        companion.clock = self.clock
        self.run(companion.open())
        self.run(self.subject.close())
        self.subject = companion
        self.compare()

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


def lockstep(place: Callable[[ExitStack], BaseTaskQueue]) -> type[LockStep]:
    """Give the machine for one store; hang what must be cleaned up after each run onto the stack.

    TestMine = lockstep(lambda stack: MyBackend(...).tasks()).TestCase
    TestMine.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
    """
    return type("StoreLockStep", (LockStep,), {"place": staticmethod(place)})
