"""Every order of the operations in small worlds: one task, two that share a key, a child with its parents.

A world is walked breadth first; a state that was seen before is not walked again. After each step the
invariants hold, every change of state is in the table, and the same call again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from omniq.models.states import LIVE, By, Counter, OnParent, State, Until, may
from omniq.models.values import SECOND, Micros
from omniq.storage.model import Model
from omniq.storage.records import TOMBSTONE, Fence, Hold, NewTask, Settlement, TaskRecord, UniqueKey

A, B, C = ("00000000-0000-7000-8000-00000000000" + digit for digit in "abc")
LEASE = 10 * SECOND


class Step(NamedTuple):
    """One possible call: what it does, by which rows of the table, and whether a repeat answers the same."""

    name: str
    call: Callable[[Model, Micros], Any]
    by: tuple[By, ...] = ()
    repeats: bool = True
    same_answer: bool = False
    passes: Micros = 0


def task(task_id: str, **changes: Any) -> NewTask:
    return NewTask(**{"id": task_id, "name": "m:f", "digest": b"d", "keep": 0, **changes})


def enter(*tasks: NewTask) -> Step:
    return Step(
        "enqueue " + " ".join(one.id[-1] for one in tasks),
        lambda m, now: m.enqueue(now, tasks),
        (By.ENQUEUE,),
    )


def ending(task_id: str, to: State) -> Step:
    """Settle whatever attempt of this task was the latest."""

    def call(model: Model, now: Micros) -> Any:
        [found] = model.get([task_id])
        if found is None:
            return None
        fence = Fence(task_id, found.attempt, found.claim_id)
        count = Counter.FAILURES if to is State.READY else None
        return model.settle(now, [Settlement(fence=fence, ref=0, to=to, count=count)])

    return Step(f"settle {task_id[-1]} {to}", call, (By.SETTLE, By.PARENT_END), same_answer=True)


def holding(task_id: str) -> Step:
    def call(model: Model, now: Micros) -> Any:
        [found] = model.get([task_id])
        fence = None if found is None else Fence(task_id, found.attempt, found.claim_id)
        return fence and model.extend(now, [Hold(fence, 0)], lease=LEASE)

    return Step(f"extend {task_id[-1]}", call, (By.EXTEND,), same_answer=True)


def claim(claim_id: int) -> Step:
    def call(model: Model, now: Micros) -> Any:
        return model.claim(now, ["default"], limit=1, lease=LEASE, worker="w", claim_id=claim_id)

    return Step(f"claim {claim_id}", call, (By.CLAIM, By.PARENT_END), repeats=False)


def reclaim(claim_id: int) -> Step:
    def call(model: Model, now: Micros) -> Any:
        return model.reclaim(now, limit=1, lease=LEASE, worker="w", claim_id=claim_id)

    return Step("reclaim", call, (By.RECLAIM,), repeats=False)


def on(verb: str, task_id: str, *by: By) -> Step:
    def call(model: Model, now: Micros) -> Any:
        return model.delete([task_id]) if verb == "delete" else getattr(model, verb)(now, [task_id])

    return Step(f"{verb} {task_id[-1]}", call, by)


def later(by: Micros) -> Step:
    return Step(f"{by} µs pass", lambda model, now: None, passes=by, repeats=False)


SWEEP = Step("sweep", lambda model, now: model.sweep(now, 100), (By.SWEEP, By.PARENT_END))
ABANDON = Step("abandon 7", lambda model, now: model.abandon(now, 7), (By.ABANDON,), same_answer=True)
ENDS = (State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED)


def key(until: Until) -> UniqueKey:
    return UniqueKey(b"k" * 16, until, 3 * SECOND)


LONE = [
    enter(task(A, ttl=12 * SECOND)),
    claim(7),
    claim(8),
    reclaim(9),
    ABANDON,
    holding(A),
    *(ending(A, to) for to in ENDS),
    on("cancel", A, By.CANCEL),
    on("requeue", A, By.REQUEUE),
    on("delete", A, By.DELETE),
    SWEEP,
    later(LEASE),
    later(TOMBSTONE),
]


def shared(until: Until) -> list[Step]:
    return [
        enter(task(A, unique=key(until))),
        enter(task(B, unique=key(until)), task(C, unique=key(until))),
        claim(7),
        ABANDON,
        *(ending(one, State.FAILED) for one in (A, B)),
        ending(A, State.READY),
        on("cancel", A, By.CANCEL),
        on("requeue", A, By.REQUEUE),
        on("requeue", B, By.REQUEUE),
        on("delete", A, By.DELETE),
        later(2 * SECOND),
    ]


def family(policy: OnParent) -> list[Step]:
    child = task(C, parents=(A, B), on_parent=policy)
    return [
        enter(task(A), task(B)),
        enter(child),
        claim(7),
        *(ending(A, to) for to in (State.SUCCEEDED, State.FAILED)),
        ending(B, State.SUCCEEDED),
        on("cancel", A, By.CANCEL, By.PARENT_END),
        on("cancel", B, By.CANCEL, By.PARENT_END),
        on("requeue", A, By.REQUEUE),
        on("requeue", C, By.REQUEUE),
        on("delete", A, By.DELETE),
        SWEEP,
        later(TOMBSTONE),
    ]


WORLDS = [
    pytest.param(LONE, 7, id="one task"),
    *(pytest.param(shared(until), 7, id=f"one key until {until}") for until in Until),
    *(pytest.param(family(policy), 7, id=f"two parents, {policy}") for policy in OnParent),
]


def records(model: Model) -> dict[str, TaskRecord]:
    return {one.id: one for one in model.get([A, B, C]) if one is not None}


@pytest.mark.parametrize(("steps", "depth"), WORLDS)
def test_every_order_of_calls_keeps_the_rules(steps: list[Step], depth: int, verify: Callable[[Model], None]) -> None:
    start = (Model().dump(), SECOND)
    seen = {start}
    layer = [start]
    for _ in range(depth):
        following = []
        for blob, now in layer:
            for step in steps:
                model = Model.load(blob)
                before = records(model)
                moment = now + step.passes

                answer = step.call(model, moment)

                after = (model.dump(), moment)
                if step.repeats:
                    again = step.call(model, moment)
                    assert model.dump() == after[0], step.name
                    assert not step.same_answer or again == answer, step.name
                check_transitions(step, before, records(model))
                if after not in seen:
                    seen.add(after)
                    following.append(after)
                    verify(model)
        layer = following


def check_transitions(step: Step, before: dict[str, TaskRecord], after: dict[str, TaskRecord]) -> None:
    for task_id in before | after:
        old, new = before.get(task_id), after.get(task_id)
        source, to = old and old.state, new and new.state
        if source is not to:
            assert any(may(source, to, by) for by in step.by), (step.name, source, to)
        if old is not None and new is not None:
            assert new.attempt >= old.attempt, step.name


def test_two_tasks_of_one_key_are_never_live_together_whatever_the_order() -> None:
    unique = key(Until.TERMINAL)
    steps = [
        enter(task(A, unique=unique)),
        enter(task(B, unique=unique)),
        claim(7),
        *(ending(one, to) for one in (A, B) for to in (State.FAILED, State.READY)),
        *(on(verb, one) for one in (A, B) for verb in ("cancel", "requeue", "delete")),
    ]
    seen = {Model().dump()}
    layer = list(seen)
    for _ in range(10):
        following = []
        for blob in layer:
            for step in steps:
                model = Model.load(blob)
                step.call(model, SECOND)
                live = [one.id for one in records(model).values() if one.state in LIVE]

                assert len(live) <= 1, step.name
                if (after := model.dump()) not in seen:
                    seen.add(after)
                    following.append(after)
        layer = sorted(following)
