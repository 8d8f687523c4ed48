"""Long random walks: indexes against plain walks over all records, steps against the table of transitions."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from omniq.models.states import By, Counter, OnParent, State, Until, may
from omniq.models.values import SECOND, Micros
from omniq.storage.model import Model
from omniq.storage.records import (
    TOMBSTONE,
    ClaimedTask,
    Fence,
    Hold,
    NewTask,
    Settlement,
    TaskRecord,
    UniqueKey,
    Where,
)

QUEUES = ("a", "b")
LEASE = 10 * SECOND
ENDS = (State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED)


class Walk:
    """One model, its time, and every fence that was ever given."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.model = Model()
        self.now: Micros = SECOND
        self.ids: list[str] = []
        self.fences: list[Fence] = []
        self.paused: set[str] = set()

    def step(self) -> tuple[By, ...]:
        """Do one thing; give which transitions it may have made."""
        name, allowed = self.chance.choice(STEPS)
        getattr(self, name)()
        return allowed

    def records(self) -> dict[str, TaskRecord]:
        found = self.model.get(self.ids)
        return {one.id: one for one in found if one is not None}

    def some(self, most: int = 3) -> list[str]:
        recent = self.ids[-16:]  # old ones are gone, mostly
        return [self.chance.choice(recent) for _ in range(self.chance.randrange(most))] if recent else []

    def new_task(self) -> NewTask:
        chance = self.chance
        number = len(self.ids)
        task_id = f"{chance.randrange(1 << 32):08x}-0000-7000-8000-{number:012x}"
        key = UniqueKey(bytes([chance.randrange(4)]) * 16, chance.choice(list(Until)), 5 * SECOND)
        task = NewTask(
            id=task_id,
            name="m:f",
            queue=chance.choice(QUEUES),
            priority=chance.randrange(10),
            digest=b"d",
            delay=chance.choice((0, 0, 3 * SECOND)),
            ttl=chance.choice((None, None, 8 * SECOND)),
            keep=chance.choice((0, 2 * TOMBSTONE)),
            unique=chance.choice((None, None, key)),
            parents=tuple(self.some()),
            on_parent=chance.choice(list(OnParent)),
        )
        self.ids.append(task_id)
        return task

    def enqueue(self) -> None:
        self.model.enqueue(self.now, [self.new_task() for _ in range(self.chance.randrange(4))])

    def claim(self) -> None:
        limit = self.chance.randrange(4)
        order = self.chance.sample(QUEUES, k=2)
        before = self.records()
        claimed = self.model.claim(self.now, order, limit=limit, lease=LEASE, worker="w", claim_id=len(self.fences) + 1)
        self.take(claimed.tasks)

        ready = [one for one in before.values() if one.state is State.READY and one.queue not in self.paused]
        mortal = {one.id for one in ready if one.expires_at is not None and one.expires_at <= self.now}
        due = [one for one in ready if one.run_at <= self.now and one.id not in mortal]
        seq = {record.task.id: record.seq for record in self.model._table.records.values()}
        due.sort(key=lambda one: (order.index(one.queue), -one.priority, one.run_at, seq[one.id]))
        given = [task.fence.task_id for task in claimed.tasks]
        freed = [one for one in given if one not in before or before[one].state is State.WAITING]
        assert set(claimed.expired) <= mortal
        if not freed:  # the end of an expired parent may have let its children go in the same step
            assert given == [one.id for one in due[:limit]]
        if 0 < limit != len(given):
            waiting = [one for one in self.records().values() if one.state is State.READY]
            later = [one.run_at for one in waiting if one.queue not in self.paused]
            assert claimed.next_due == (max(0, min(later) - self.now) if later else None)

    def reclaim(self) -> None:
        limit = self.chance.randrange(3)
        past = [
            (one.lease_until, one.id)
            for one in self.records().values()
            if one.lease_until is not None and one.lease_until <= self.now
        ]
        tasks = self.model.reclaim(self.now, limit=limit, lease=LEASE, worker="w", claim_id=len(self.fences) + 1)
        self.take(tasks)

        assert len(tasks) == min(limit, len(past))
        taken = {task.fence.task_id for task in tasks}
        oldest = sorted(until for until, _ in past)[: len(tasks)]
        assert sorted(until for until, one in past if one in taken) == oldest

    def take(self, tasks: list[ClaimedTask]) -> None:
        self.fences += [task.fence for task in tasks]

    def settle(self) -> None:
        for fence in self.held():
            to = self.chance.choice(ENDS)
            after = (self.new_task(),) if self.chance.random() < 0.2 else ()
            count = self.chance.choice(list(Counter)) if to is State.READY else None
            delay = self.chance.choice((None, 0, SECOND))
            self.model.settle(self.now, [Settlement(fence=fence, ref=0, to=to, delay=delay, count=count, after=after)])

    def extend(self) -> None:
        self.model.extend(self.now, [Hold(fence, 0) for fence in self.held()], lease=LEASE)

    def held(self) -> list[Fence]:
        return [self.chance.choice(self.fences[-8:]) for _ in range(3)] if self.fences else []

    def abandon(self) -> None:
        for fence in self.held()[:1]:
            self.model.abandon(self.now, fence.claim_id)

    def cancel(self) -> None:
        self.model.cancel(self.now, self.some())

    def requeue(self) -> None:
        self.model.requeue(self.now, self.some(), delay=self.chance.choice((0, SECOND)))

    def delete(self) -> None:
        self.model.delete(self.some())

    def pause(self) -> None:
        queue = self.chance.choice(QUEUES)
        self.model.set_paused([queue], queue not in self.paused)
        self.paused ^= {queue}

    def sweep(self) -> None:
        before = self.records()
        swept = self.model.sweep(self.now, 1_000)
        mortal = {
            one.id
            for one in before.values()
            if one.state in (State.WAITING, State.READY) and one.expires_at is not None and one.expires_at <= self.now
        }
        assert {one for one, state in swept.ended if state is State.EXPIRED} <= mortal
        for one in self.records().values():
            assert one.state is not State.READY or one.expires_at is None or one.expires_at > self.now
        needed = {parent for one in self.records().values() if not one.state.terminal for parent in one.parents}
        for one in before.values():
            kept = one.finished_at is None or one.finished_at + max(one.keep, TOMBSTONE) > self.now
            if one.state.terminal and not kept and one.id not in needed:
                assert self.model.get([one.id]) == [None]

    def tick(self) -> None:
        self.now += self.chance.choice((*[1, SECOND] * 4, 11 * SECOND, TOMBSTONE))


STEPS: list[tuple[str, tuple[By, ...]]] = [
    ("enqueue", (By.ENQUEUE,)),
    ("enqueue", (By.ENQUEUE,)),
    ("claim", (By.CLAIM, By.PARENT_END)),
    ("claim", (By.CLAIM, By.PARENT_END)),
    ("settle", (By.SETTLE, By.PARENT_END, By.ENQUEUE)),
    ("settle", (By.SETTLE, By.PARENT_END, By.ENQUEUE)),
    ("extend", (By.EXTEND,)),
    ("reclaim", (By.RECLAIM,)),
    ("abandon", (By.ABANDON,)),
    ("cancel", (By.CANCEL, By.PARENT_END)),
    ("requeue", (By.REQUEUE,)),
    ("delete", (By.DELETE,)),
    ("pause", ()),
    ("sweep", (By.SWEEP, By.PARENT_END)),
    ("tick", ()),
    ("tick", ()),
]


@pytest.mark.parametrize("seed", range(16))
def test_a_walk_keeps_every_invariant_and_only_makes_transitions_of_the_table(
    seed: int, verify: Callable[[Model], None]
) -> None:
    walk = Walk(seed)
    for _ in range(400):
        before = {task_id: one.state for task_id, one in walk.records().items()}

        allowed = walk.step()

        verify(walk.model)
        after = {task_id: one.state for task_id, one in walk.records().items()}
        for task_id in before | after:
            source, to = before.get(task_id), after.get(task_id)
            if source is not to:
                assert any(may(source, to, by) for by in allowed) or freed_and_given(source, to, allowed)


def freed_and_given(source: State | None, to: State | None, allowed: tuple[By, ...]) -> bool:
    """Two steps in one call: a claim expires a parent and gives the child that this let go."""
    return By.CLAIM in allowed and (source, to) == (State.WAITING, State.RUNNING)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_calls_give_the_same_state_through_a_reload_at_any_point(seed: int) -> None:
    whole, cut = Walk(seed), Walk(seed)
    for number in range(200):
        whole.step()
        cut.step()
        if number % 7 == 0:
            cut.model = Model.load(cut.model.dump())

        assert cut.model.hash() == whole.model.hash()


@pytest.mark.parametrize("seed", range(4))
def test_pages_give_every_task_once_newest_id_first(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(120):
        walk.step()
    seen: list[str] = []
    after = None
    while True:
        page = walk.model.list(Where(states=frozenset({State.READY})), limit=3, after=after)
        seen += [one.id for one in page.items]
        after = page.next
        if after is None:
            break

    ready = [one.id for one in walk.records().values() if one.state is State.READY]
    assert seen == sorted(ready, reverse=True)
