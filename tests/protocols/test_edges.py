"""Whatever the order of steps and wherever one actor dies: no child is stuck, none starts early.

Each scene is walked in every interleaving. Each rule of the protocol is then broken by its switch, and some scene
must show what the rule is there for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from edges import ENDED, Protocol, Task
from explorer import Actor, Broken, Records, explore, run_alone

CHILD = "c"
RUNNING, FAILED, SUCCEEDED = Task("running"), Task("failed"), Task("succeeded")


class Scene(NamedTuple):
    parents: dict[str, Task]
    actors: Callable[[Protocol], dict[str, Actor]]
    crashes: int = 1


def ends_while_the_child_comes(by: Protocol) -> dict[str, Actor]:
    return {
        "deliverer": lambda: by.end("p", "succeeded"),
        "registrar": lambda: by.register(CHILD, ("p",)),
        "purger": lambda: by.purge("p"),
    }


def two_parents_end(by: Protocol) -> dict[str, Actor]:
    return {
        "first": lambda: by.end("p", "succeeded"),
        "second": lambda: by.end("q", "succeeded"),
        "registrar": lambda: by.register(CHILD, ("p", "q")),
    }


def fails_and_is_put_back(by: Protocol) -> dict[str, Actor]:
    def requeuer():
        if (yield from by.requeue("p")) == "requeued":
            yield from by.end("p", "succeeded")

    return {
        "deliverer": lambda: by.end("p", "failed"),
        "requeuer": requeuer,
        "registrar": lambda: by.register(CHILD, ("p",)),
    }


def has_failed_and_is_put_back(by: Protocol) -> dict[str, Actor]:
    return {
        "requeuer": lambda: by.requeue("p"),
        "registrar": lambda: by.register(CHILD, ("p", "q")),
        "purger": lambda: by.purge("p"),
        "other purger": lambda: by.purge("q"),
    }


def is_registered_by_two(by: Protocol) -> dict[str, Actor]:
    """A slow registrar beside the sweep that took it for dead."""
    return {
        "registrar": lambda: by.register(CHILD, ("p",)),
        "sweep": lambda: by.look_again(CHILD),
        "deliverer": lambda: by.end("p", "succeeded"),
        "purger": lambda: by.purge("p"),
    }


def is_swept_meanwhile(by: Protocol) -> dict[str, Actor]:
    return {
        "registrar": lambda: by.register(CHILD, ("p",)),
        "deliverer": lambda: by.end("p", "succeeded"),
        "sweep": lambda: by.sweep(("p",)),
        "purger": lambda: by.purge("p"),
    }


SCENES = {
    "a parent ends while its child comes": Scene({"p": RUNNING}, ends_while_the_child_comes),
    "two parents end": Scene({"p": RUNNING, "q": RUNNING}, two_parents_end),
    "a parent fails and is put back": Scene({"p": RUNNING}, fails_and_is_put_back),
    "a failed parent is put back": Scene({"p": FAILED, "q": SUCCEEDED}, has_failed_and_is_put_back),
    "a child is registered by two": Scene({"p": RUNNING}, is_registered_by_two, crashes=0),
    "a sweep carries out the same end": Scene({"p": RUNNING}, is_swept_meanwhile),
}
EARLY = "a child is ready, and a parent has never succeeded"
STUCK = "a child waits, and no parent will ever tell it"
WRONGLY_SKIPPED = "a child was accepted and skipped, and no parent has failed"
LEFT_OVER = "a child was told everything, and a record still keeps its parent"

BROKEN = {
    "kids_removed_first": ("a parent ends while its child comes", STUCK),
    "pair_by_pair": ("two parents end", EARLY),
    "never_looks_again": ("a parent ends while its child comes", STUCK),
    "never_touches": ("a child is registered by two", WRONGLY_SKIPPED),
    "purges_without_looking": ("a child is registered by two", WRONGLY_SKIPPED),
    "forgets_the_mark": ("a parent ends while its child comes", STUCK),
    "removes_edges": ("a child is registered by two", WRONGLY_SKIPPED),
    "releases_at_once": ("two parents end", EARLY),
}
"""Where the want of a rule shows, and as what."""


def walk(by: Protocol, scene: Scene) -> int:
    parents = tuple(scene.parents)

    def never_early(records: Records, seen: frozenset) -> str | None:
        child = records.get(f"t.{CHILD}")
        missing = child is not None and child.state == "ready" and {(p, "succeeded") for p in child.parents} - seen
        return EARLY if missing else None

    def never_stuck(records: Records, results: dict, seen: frozenset) -> str | None:
        """What stands at the end, after the sweeps and the ends that are still to come in any case."""
        accepted = results.get("registrar") == "waiting"
        run_alone(records, lambda: by.sweep(parents))
        for parent in parents:
            run_alone(records, lambda parent=parent: by.end(parent, "succeeded"))
        if accepted and records.get(f"t.{CHILD}").state == "waiting":
            return STUCK
        if accepted and records.get(f"t.{CHILD}").state == "skipped" and not any(how == "failed" for _, how in seen):
            return WRONGLY_SKIPPED
        run_alone(records, lambda: by.look_again(CHILD))
        child = records.get(f"t.{CHILD}")
        if child is not None and child.state == "waiting":
            return STUCK
        if accepted and records.items("kids."):
            return LEFT_OVER
        return None

    def note(key: str, value: object) -> object:
        return (key[2:], value.state) if isinstance(value, Task) and value.state in ENDED else None

    start = {f"t.{name}": task for name, task in scene.parents.items()}
    return explore(start, scene.actors(by), always=never_early, finally_=never_stuck, note=note, crashes=scene.crashes)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_no_child_is_stuck_or_early_in_any_interleaving(scene):
    assert walk(Protocol(), scene) > 100


@pytest.mark.parametrize("rule", BROKEN)
def test_every_rule_is_needed(rule):
    scene, promise = BROKEN[rule]

    with pytest.raises(Broken) as broken:
        walk(Protocol(**{rule: True}), SCENES[scene])

    assert broken.value.what == promise


def test_every_switch_is_shown():
    assert set(BROKEN) == set(Protocol._fields)
