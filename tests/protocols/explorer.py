"""Walks every interleaving of a few actors over a small store whose records change one at a time.

An actor is a generator: it yields one atomic step and is sent the answer. It is deterministic, so the answers
that it got so far are its whole state, and it is brought back to any point by sending them again. Two walks that
reach the same records with the same answers are one walk: this is what keeps "every interleaving" small.

The store is the least that any engine has: read, create if absent, replace at a version, remove, list by prefix.
No step touches two records.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from typing import Any, NamedTuple, TypeAlias

__all__ = (
    "Actor",
    "Blind",
    "Broken",
    "Create",
    "Drop",
    "Get",
    "Keys",
    "Records",
    "Swap",
    "There",
    "explore",
    "run_alone",
)


class Get(NamedTuple):
    """Answer: (value, version), or None."""

    key: str


class Create(NamedTuple):
    """Answer: whether it was absent, and now is there."""

    key: str
    value: Hashable


class Swap(NamedTuple):
    """Answer: its new version if it was at this one and now has this value, else 0."""

    key: str
    version: int
    value: Hashable


class Drop(NamedTuple):
    """Answer: whether it was there (at this version, if one is given), and now is gone."""

    key: str
    version: int | None = None


class Keys(NamedTuple):
    """Answer: the keys that begin so, sorted; with `value`, those that have it."""

    prefix: str
    value: Hashable = None


class There(NamedTuple):
    """Answer: whether there is such a record, whatever it says."""

    key: str


class Blind(NamedTuple):
    """A write whose answer the actor does not look at; so it makes no difference to its walk. Answer: None."""

    step: Create | Swap | Drop


Step: TypeAlias = Get | There | Create | Swap | Drop | Keys | Blind
Actor: TypeAlias = Callable[[], Generator[Step, Any, Any]]


class Records:
    """What is stored: key -> (value, version). A version counts the writes to its key, removals too."""

    def __init__(self, start: Mapping[str, Hashable] | frozenset[Any] = frozenset()) -> None:
        if isinstance(start, frozenset):
            self._kept: dict[str, tuple[Hashable, int]] = {key: (value, version) for key, value, version in start}
        else:
            self._kept = {key: (value, 1) for key, value in start.items()}

    def frozen(self) -> frozenset[Any]:
        return frozenset((key, value, version) for key, (value, version) in self._kept.items())

    def get(self, key: str) -> Any:
        """Give the value, None where there is none."""
        return self._kept.get(key, (None, 0))[0]

    def items(self, prefix: str) -> list[tuple[str, Any]]:
        return [
            (key, value)
            for key, (value, _) in sorted(self._kept.items())
            if value is not None and key.startswith(prefix)
        ]

    def apply(self, step: Step) -> Any:
        value, version = self._kept.get(getattr(step, "key", ""), (None, 0))
        match step:
            case Get():
                return None if value is None else (value, version)
            case There():
                return value is not None
            case Blind(blind):
                self.apply(blind)
                return None
            case Keys(prefix, wanted):
                return tuple(key for key, found in self.items(prefix) if wanted in (None, found))
            case Create(key, new):
                fits = value is None
            case Swap(key, expected, new):
                fits = value is not None and version == expected
            case Drop(key, expected):
                fits, new = value is not None and expected in (None, version), None
        if fits:
            self._kept[key] = (new, version + 1)
        return fits and version + 1 if isinstance(step, Swap) else fits


class Broken(AssertionError):
    """A promise that some interleaving breaks, with the steps that lead there."""

    def __init__(self, what: str, steps: list[str]) -> None:
        super().__init__("\n  ".join([what, *steps]))
        self.what, self.steps = what, steps


DEAD = "dead"
"""Stands for the answers of an actor that crashed."""


class _State(NamedTuple):
    records: frozenset[Any]
    answers: tuple[Any, ...]
    crashes: int
    seen: frozenset[Any]


def explore(
    start: Mapping[str, Hashable],
    actors: Mapping[str, Actor],
    *,
    always: Callable[[Records, frozenset[Any]], str | None] = lambda records, seen: None,
    finally_: Callable[[Records, dict[str, Any], frozenset[Any]], str | None] = lambda records, results, seen: None,
    note: Callable[[str, Any], Hashable | None] = lambda key, value: None,
    crashes: int = 0,
    most: int = 400_000,
) -> int:
    """Walk every interleaving, with up to so many crashes at any steps; give the number of states.

    Args:
        always: judges each state; says what is wrong, or None.
        finally_: judges each end, where every actor has returned or crashed; `results` has who returned.
        note: picks from a written record what later judgements may ask about, though it be overwritten by then.
        most: a fuse.
    Raises:
        Broken: the first judgement that was not None, with its steps.
    """
    names = list(actors)
    known: dict[tuple[str, tuple[Any, ...]], tuple[str, Any]] = {}

    def resume(name: str, answers: tuple[Any, ...]) -> tuple[str, Any]:
        """Say what this actor does next: ("step", it) or ("returned", result)."""
        if (found := known.get((name, answers))) is None:
            found = known[name, answers] = _replay(actors[name], answers)
        return found

    first = Records(start)
    seen0 = frozenset(noted for key, value in first.items("") if (noted := note(key, value)) is not None)
    origin = _State(first.frozen(), ((),) * len(names), crashes, seen0)
    came: dict[_State, tuple[_State, str] | None] = {origin: None}
    todo = [origin]
    while todo:
        state = todo.pop()
        records = Records(state.records)
        if wrong := always(records, state.seen):
            raise Broken(wrong, _steps(came, state))
        following: list[tuple[_State, str]] = []
        results: dict[str, Any] = {}
        for place, name in enumerate(names):
            answers = state.answers[place]
            if answers == DEAD:
                continue
            what, step = resume(name, answers)
            if what == "returned":
                results[name] = step
                continue
            after = Records(state.records)
            answer = after.apply(step)
            seen = state.seen
            write = step.step if isinstance(step, Blind) else step
            if isinstance(write, Create | Swap) and after.get(write.key) == write.value:
                seen = seen | {note(write.key, write.value)} - {None}
            went = state._replace(
                records=after.frozen(), answers=_with(state.answers, place, (*answers, answer)), seen=seen
            )
            following.append((went, f"{name}: {step} -> {answer}"))
            if state.crashes and answers:
                died = state._replace(answers=_with(state.answers, place, DEAD), crashes=state.crashes - 1)
                following.append((died, f"{name} crashes"))
        if not following and (wrong := finally_(records, results, state.seen)):
            raise Broken(wrong, _steps(came, state))
        for one, label in following:
            if one not in came:
                came[one] = (state, label)
                todo.append(one)
        assert len(came) < most, f"more than {most} states: make the scene smaller"
    return len(came)


def run_alone(records: Records, actor: Actor) -> Any:
    """Run one actor to its end with nobody beside it; give what it returned."""
    walk = actor()
    try:
        step = next(walk)
        while True:
            step = walk.send(records.apply(step))
    except StopIteration as end:
        return end.value


def _replay(actor: Actor, answers: tuple[Any, ...]) -> tuple[str, Any]:
    walk = actor()
    try:
        step = next(walk)
        for answer in answers:
            step = walk.send(answer)
    except StopIteration as end:
        return "returned", end.value
    return "step", step


def _with(answers: tuple[Any, ...], place: int, new: Any) -> tuple[Any, ...]:
    return (*answers[:place], new, *answers[place + 1 :])


def _steps(came: dict[_State, tuple[_State, str] | None], state: _State) -> list[str]:
    steps = []
    while (before := came[state]) is not None:
        state, label = before
        steps.append(label)
    return steps[::-1]
