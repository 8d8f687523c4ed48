"""Whatever the order of steps and wherever one actor dies: a key has one holder, and is never held by nobody.

Each scene is walked in every interleaving; then each rule is broken, and some scene must show what it is there for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from explorer import Actor, Broken, Records, explore, run_alone
from keys import HOLDING, KEY, Named, Protocol, Task


class Scene(NamedTuple):
    start: dict[str, object]
    actors: Callable[[Protocol], dict[str, Actor]]
    crashes: int = 1


HELD_BY_A = {"t.a": Task("ready"), KEY: Named("a", 0)}
LEFT_BY_A = {"t.a": Task("failed"), KEY: Named("a", 0)}


def two_come(by: Protocol) -> dict[str, Actor]:
    return {"a": lambda: by.enqueue("a"), "b": lambda: by.enqueue("b")}


def three_come(by: Protocol) -> dict[str, Actor]:
    return {**two_come(by), "c": lambda: by.enqueue("c")}


def holder_ends(by: Protocol) -> dict[str, Actor]:
    def deliverer():
        yield from by.change("a", "ready", "running")
        yield from by.change("a", "running", "failed")

    return {"deliverer": deliverer, "b": lambda: by.enqueue("b"), "c": lambda: by.enqueue("c")}


def comes_back(by: Protocol) -> dict[str, Actor]:
    return {"requeuer": lambda: by.requeue("a"), "b": lambda: by.enqueue("b"), "c": lambda: by.enqueue("c")}


def comes_back_twice(by: Protocol) -> dict[str, Actor]:
    def again():
        yield from by.change("a", "ready", "failed")
        yield from by.requeue("a")

    return {"requeuer": lambda: by.requeue("a"), "again": again, "b": lambda: by.enqueue("b")}


def is_purged_and_sent_again(by: Protocol) -> dict[str, Actor]:
    """A name that is free again in less than a tombstone's time: more than a queue has to survive."""

    def purged_then_enqueued():
        yield from by.purge("a")
        yield from by.enqueue("a")

    return {"a": purged_then_enqueued, "b": lambda: by.enqueue("b"), "c": lambda: by.enqueue("c")}


SCENES = {
    "two come": Scene({}, two_come),
    "three come": Scene({}, three_come, crashes=0),
    "the holder ends while others come": Scene(HELD_BY_A, holder_ends, crashes=0),
    "an ended holder comes back": Scene(LEFT_BY_A, comes_back, crashes=0),
    "an ended holder comes back, one dies": Scene(
        LEFT_BY_A, lambda by: {name: one for name, one in comes_back(by).items() if name != "c"}
    ),
    "a holder ends and comes back twice": Scene(LEFT_BY_A, comes_back_twice, crashes=0),
    "an ended holder is purged and sent again": Scene(LEFT_BY_A, is_purged_and_sent_again, crashes=0),
}
TWO_HOLDERS = "two tasks hold one key"
NOBODY = "a key is refused, and no task that can run holds it"
REFUSED_AND_THERE = "a task was refused for its key, and is there"

BROKEN = {
    "ready_at_once": ("two come", TWO_HOLDERS),
    "takes_without_version": ("an ended holder comes back", TWO_HOLDERS),
    "ignores_the_epoch": ("an ended holder comes back, one dies", NOBODY),
    "keeps_its_old_record": ("an ended holder comes back", TWO_HOLDERS),
    "helps_without_writing": ("an ended holder is purged and sent again", TWO_HOLDERS),
    "never_helps": ("two come", NOBODY),
}


def walk(by: Protocol, scene: Scene) -> int:
    runs = HOLDING[by.until] - {"reserved"}

    def one_holder(records: Records, seen: frozenset) -> str | None:
        holders = [key for key, task in records.items("t.") if task.state in runs]
        return TWO_HOLDERS if len(holders) > 1 else None

    def somebody_runs(records: Records, results: dict, seen: frozenset) -> str | None:
        late = run_alone(records, lambda: by.enqueue("late"))
        if wrong := one_holder(records, seen):
            return wrong
        for name, answer in results.items():
            if name in ("b", "c") and answer != "created" and records.get(f"t.{name}") is not None:
                return REFUSED_AND_THERE
        holder = records.get(f"t.{'late' if late == 'created' else late}")
        return None if holder is not None and holder.state in runs else NOBODY

    return explore(scene.start, scene.actors(by), always=one_holder, finally_=somebody_runs, crashes=scene.crashes)


@pytest.mark.parametrize("until", HOLDING)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_key_has_one_holder_in_any_interleaving(scene, until):
    assert walk(Protocol(until), scene) > 100


@pytest.mark.parametrize("rule", BROKEN)
def test_every_rule_is_needed(rule):
    scene, promise = BROKEN[rule]

    with pytest.raises(Broken) as broken:
        walk(Protocol(**{rule: True}), SCENES[scene])

    assert broken.value.what == promise


def test_every_switch_is_shown():
    assert {"until", *BROKEN} == set(Protocol._fields)
