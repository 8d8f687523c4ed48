"""Judges a run from outside: what the bodies wrote, what was done to the processes, what the store says.

Three questions, each per task and in linear time: was an accepted task lost, did one end twice, and is every
start after the first explained by a fault on the process that had the one before?
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import msgspec

__all__ = ("Ended", "Fault", "History", "Run", "Verdict", "judge")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One start of one body; `ended_at` None: nobody saw it end."""

    task_id: str
    attempt: int
    claim: int
    pid: int
    started_at: float
    ended_at: float | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a process: `until` None is for good (a kill)."""

    what: str
    pid: int
    since: float
    until: float | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal record as it was read once, with who its value says it was."""

    task_id: str
    state: str
    attempt: int
    finished_at: str
    by_pid: int | None = None
    by_attempt: int | None = None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a run; `seen` holds every reading of every terminal record."""

    accepted: list[str]
    runs: list[Run]
    faults: list[Fault]
    seen: list[Ended]
    lease: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and how many harmless second starts there were."""

    lost: list[str] = []
    ended_twice: list[str] = []
    stale_value: list[str] = []
    unexplained: list[str] = []
    second_starts: int = 0
    by_cause: dict[str, int] = {}

    @property
    def right(self) -> bool:
        return not (self.lost or self.ended_twice or self.stale_value or self.unexplained)


def judge(history: History) -> Verdict:
    """Hold the history against the promise."""
    endings: dict[str, set[Ended]] = defaultdict(set)
    for ended in history.seen:
        endings[ended.task_id].add(ended)
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(history.runs, key=lambda one: one.started_at):
        runs[run.task_id].append(run)
    faults: dict[int, list[Fault]] = defaultdict(list)
    for fault in history.faults:
        faults[fault.pid].append(fault)

    unexplained, causes = [], defaultdict(int)
    for task_id, mine in runs.items():
        for before, after in pairwise(mine):
            cause = _cause(before, after, faults[before.pid], history.lease)
            causes[cause or "none"] += 1
            if cause is None:
                unexplained.append(f"{task_id} attempt {after.attempt} after {before.attempt}")
    return Verdict(
        lost=[task_id for task_id in history.accepted if not endings[task_id]],
        ended_twice=[task_id for task_id, readings in endings.items() if len(readings) > 1],
        stale_value=[task_id for task_id, readings in endings.items() if not _fits(readings, runs[task_id])],
        unexplained=unexplained,
        second_starts=sum(causes.values()),
        by_cause=dict(causes),
    )


def _cause(before: Run, after: Run, faults: list[Fault], lease: float) -> str | None:
    """Name the fault on the process of `before` that let somebody else start.

    It must lie between the start and one lease after the end (a settle takes milliseconds, so a fault that
    came later met a task that was settled), and it must have begun before the second start.
    """
    last = float("inf") if before.ended_at is None else before.ended_at + lease
    for fault in faults:
        until = float("inf") if fault.until is None else fault.until
        if fault.since <= last and until >= before.started_at and fault.since <= after.started_at:
            return fault.what
    return None


def _fits(readings: set[Ended], runs: list[Run]) -> bool:
    """The stored value is that of the attempt that the record names, and that body did end."""
    finished = {(run.pid, run.attempt) for run in runs if run.ended_at is not None}
    return all(
        one.state != "succeeded" or (one.by_attempt == one.attempt and (one.by_pid, one.attempt) in finished)
        for one in readings
    )
