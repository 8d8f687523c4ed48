"""The black-box checker: reads what many processes wrote down and says which promise was broken.

Every process appends one JSON object a line to a file of its own, an event of this module's kinds, with `at`
in µs on a clock that the processes share. Tasks are independent, so each is judged alone, in linear time.

A body may start more than once only for a cause of the closed list in the docs; here: a kill or freeze of the
process that ran it, a store that could not be reached, a requeue, or an attempt that was sent back. Every second
start is counted under its cause, and one without is reported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from omniq.models.values import Micros

__all__ = ("Broken", "Cause", "Event", "Kind", "Review", "Violation", "judge", "read", "review")


class Kind(StrEnum):
    """What can be written down."""

    ACCEPTED = "accepted"
    """an enqueue answered: from here on the task must not be lost"""
    STARTED = "started"
    """a body began; `process`, `attempt` and `claim_id` name who and under which fence"""
    LEFT = "left"
    """a body returned, raised or was stopped, in its process"""
    BACK = "back"
    """a settlement to ready answered: a retry, a release, a snooze or a judged crash"""
    FINISHED = "finished"
    """a settlement to a terminal state answered for this fence, or a cancel, expiry or skip without one"""
    REQUEUED = "requeued"
    """an operator put it back: it may finish once more"""
    KILLED = "killed"
    """fault log: this process was killed"""
    FROZEN = "frozen"
    """fault log: this process was stopped"""
    THAWED = "thawed"
    """fault log: it goes on"""
    DOWN = "down"
    """fault log: from here on no process could reach the store"""
    UP = "up"
    """fault log: the store is back"""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `task` is empty in the fault log."""

    kind: Kind
    at: Micros
    process: str = ""
    task: str = ""
    attempt: int = 0
    claim_id: int = 0
    state: str = ""


class Broken(StrEnum):
    """Which promise."""

    LOST = "accepted and never finished"
    UNEXPECTED = "seen, and never accepted"
    FINISHED_TWICE = "finished twice"
    OVERLAP = "two bodies at once, and no fault explains it"
    UNEXPLAINED = "a body started again, and nothing explains it"
    SAME_FENCE = "two bodies started under one fence"
    ATTEMPT_WENT_BACK = "an attempt was not higher than the one before"
    RAN_AFTER_END = "a body started after the task had finished"
    NOT_BY_ITS_HOLDER = "succeeded under a fence whose body had not returned"


class Cause(StrEnum):
    """Why a body may start again: the closed list, as far as a fault log can show it."""

    KILLED = "its process was killed"
    FROZEN = "its process was frozen"
    DOWN = "the store could not be reached"
    SENT_BACK = "its attempt was sent back to ready"
    REQUEUED = "an operator put it back"


class Violation(msgspec.Struct, frozen=True):
    """One broken promise of one task."""

    task: str
    what: Broken
    text: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What a history shows; `repeats` counts the second starts by what explains them."""

    violations: list[Violation]
    repeats: dict[Cause, int]


_line = msgspec.json.Decoder(Event)


def read(paths: Iterable[Path]) -> Iterator[Event]:
    """Read the files of all processes; a last line that a kill cut short is left out."""
    for path in paths:
        lines = path.read_bytes().split(b"\n")
        for line in lines[:-1]:
            if line:
                yield _line.decode(line)


def judge(events: Iterable[Event], *, lease: Micros, drained: bool = True) -> list[Violation]:
    """Give every broken promise, tasks in order of their ids; arguments as of `review`."""
    return review(events, lease=lease, drained=drained).violations


def review(events: Iterable[Event], *, lease: Micros, drained: bool = True) -> Review:
    """Judge a history.

    Args:
        lease: µs; a fault explains a second start only if it fell into the earlier one, or at most this long
            before it, between its claim and its body, or after it, between its body and its settlement.
        drained: the run ended with empty queues, so what was accepted and has not finished is lost.
    """
    tasks: dict[str, list[Event]] = defaultdict(list)
    faults: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda one: one.at):
        if event.task:
            tasks[event.task].append(event)
        else:
            faults["" if event.kind in (Kind.DOWN, Kind.UP) else event.process].append(event)
    found: list[Violation] = []
    repeats: Counter[Cause] = Counter()
    for task in sorted(tasks):
        life = _Life(task, tasks[task], faults, lease)
        found += life.judge(drained)
        repeats.update(life.causes)
    return Review(violations=found, repeats=dict(repeats))


class _Life:
    """One task's events in order, and what breaks in them."""

    def __init__(self, task: str, events: list[Event], faults: dict[str, list[Event]], lease: Micros) -> None:
        self.task, self.events, self.faults, self.lease = task, events, faults, lease
        self.found: list[Violation] = []
        self.causes: list[Cause] = []

    def judge(self, drained: bool) -> list[Violation]:
        kinds = {event.kind for event in self.events}
        if Kind.ACCEPTED not in kinds:
            self._say(Broken.UNEXPECTED, f"{self.events[0].kind} in {self.events[0].process}")
        self._endings(drained)
        starts = [event for event in self.events if event.kind is Kind.STARTED]
        self._starts(starts)
        self._holders(starts)
        return self.found

    def _endings(self, drained: bool) -> None:
        """A task finishes once, and once more for each requeue; a repeat of the same ending is one."""
        ended: Event | None = None
        for event in self.events:
            if event.kind is Kind.REQUEUED:
                ended = None
            elif event.kind is Kind.FINISHED:
                if ended is None:
                    ended = event
                elif self._ending(event) != self._ending(ended):
                    self._say(Broken.FINISHED_TWICE, f"{ended.state} at {ended.at}, {event.state} at {event.at}")
            elif event.kind is Kind.STARTED and ended is not None and not self._stale(event, ended):
                self._say(Broken.RAN_AFTER_END, f"attempt {event.attempt} at {event.at}, ended at {ended.at}")
        if drained and ended is None and any(event.kind is Kind.ACCEPTED for event in self.events):
            self._say(Broken.LOST, f"last seen: {self.events[-1].kind} at {self.events[-1].at}")

    def _ending(self, event: Event) -> tuple[str, int, int]:
        return (event.state, event.attempt, event.claim_id)

    def _stale(self, start: Event, ended: Event) -> bool:
        """A holder that was frozen between its claim and its body starts one that can settle nothing."""
        older = start.attempt <= ended.attempt and not self._same_fence(start, ended)
        return older and self._hurt(start, start.at) is not None

    def _starts(self, starts: list[Event]) -> None:
        seen: dict[tuple[int, int], Event] = {}
        for before, start in zip([None, *starts], starts, strict=False):
            fence = (start.attempt, start.claim_id)
            if fence in seen:
                self._say(Broken.SAME_FENCE, f"attempt {start.attempt} at {seen[fence].at} and {start.at}")
            seen[fence] = start
            if before is None:
                continue
            if cause := self._hurt(start, start.at):
                self.causes.append(cause)  # it held the task before the fault, and began after it
                continue
            if start.attempt < before.attempt:
                self._say(Broken.ATTEMPT_WENT_BACK, f"{before.attempt} at {before.at}, {start.attempt} at {start.at}")
            left = self._left(before)
            # What has left is settled at once: a fault that came a lease later has not kept it from that.
            if cause := self._hurt(before, start.at if left is None else min(start.at, left + self.lease)):
                self.causes.append(cause)
                continue
            if left is None or left > start.at:
                self._say(
                    Broken.OVERLAP,
                    f"attempt {before.attempt} in {before.process} had not left at {start.at}, "
                    f"when attempt {start.attempt} began in {start.process}",
                )
            elif cause := self._sent_back(before, start):
                self.causes.append(cause)
            else:
                self._say(Broken.UNEXPLAINED, f"attempt {start.attempt} at {start.at} in {start.process}")

    def _holders(self, starts: list[Event]) -> None:
        """A success is written by who has run the body to its end. It is seen later than it was written."""
        ended = {self._fence(event): event for event in self.events if event.kind is Kind.FINISHED}
        for start in starts:
            success = ended.get(self._fence(start))
            if success is None or success.state != "succeeded":
                continue
            left = self._left(start)
            if left is None or left > success.at:
                self._say(
                    Broken.NOT_BY_ITS_HOLDER,
                    f"attempt {start.attempt} in {start.process} had not left at {success.at}",
                )

    def _left(self, start: Event) -> Micros | None:
        for event in self.events:
            if event.kind is Kind.LEFT and self._same_fence(event, start) and event.at >= start.at:
                return event.at
        return None

    def _sent_back(self, before: Event, start: Event) -> Cause | None:
        """The earlier attempt went back to ready, or an operator put the task back."""
        for event in self.events:
            if before.at <= event.at <= start.at:
                if event.kind is Kind.REQUEUED:
                    return Cause.REQUEUED
                if event.kind is Kind.BACK and self._same_fence(event, before):
                    return Cause.SENT_BACK
        return None

    def _same_fence(self, one: Event, other: Event) -> bool:
        return self._fence(one) == self._fence(other)

    def _fence(self, event: Event) -> tuple[int, int]:
        return (event.attempt, event.claim_id)

    def _hurt(self, start: Event, until: Micros) -> Cause | None:
        """What befell the process of this start, or the store, in its time or shortly before."""
        since = start.at - self.lease
        for fault in self.faults.get(start.process, ()):
            if fault.kind is Kind.KILLED and since <= fault.at <= until:
                return Cause.KILLED
        if self._between(start.process, Kind.FROZEN, Kind.THAWED, since, until):
            return Cause.FROZEN
        return Cause.DOWN if self._between("", Kind.DOWN, Kind.UP, since, until) else None

    def _between(self, process: str, first: Kind, last: Kind, since: Micros, until: Micros) -> bool:
        """Does a time between these two events meet the one asked about?"""
        began: Micros | None = None
        for fault in self.faults.get(process, ()):
            if fault.kind is first:
                began = fault.at
            elif fault.kind is last and began is not None:
                if began <= until and fault.at >= since:
                    return True
                began = None
        return began is not None and began <= until

    def _say(self, what: Broken, text: str) -> None:
        self.found.append(Violation(self.task, what, text))
