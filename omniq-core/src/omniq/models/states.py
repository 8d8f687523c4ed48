"""The life of a task as data: states, reasons, and the one table of transitions.

Pure. The model, the kit, `outcome.decide` and the docs all read this table; nothing else in the project
decides what may follow what. Every pair that is not in it writes nothing and is answered so.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = (
    "HOLDING",
    "LIVE",
    "TERMINAL",
    "TRANSITIONS",
    "By",
    "Counter",
    "OnParent",
    "Reason",
    "State",
    "Transition",
    "Until",
    "Verdict",
    "key_is_held",
    "may",
    "settled_state",
    "verdict",
)


class State(StrEnum):
    """Where a task is in its life; `code` is the number that stores write."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"

    @property
    def code(self) -> int:
        return _CODE[self]

    @property
    def terminal(self) -> bool:
        return _CODE[self] >= _FIRST_TERMINAL

    @classmethod
    def of(cls, code: int) -> State:
        """Give the state with this number."""
        return _STATES[code]


_STATES: tuple[State, ...] = tuple(State)
_CODE: dict[State, int] = {state: code for code, state in enumerate(_STATES)}
_FIRST_TERMINAL = _CODE[State.SUCCEEDED]

LIVE = frozenset({State.WAITING, State.READY, State.RUNNING})
TERMINAL = frozenset(_STATES) - LIVE


class Reason(StrEnum):
    """Why a task failed."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    CRASHED = "crashed"
    PARENT = "parent"
    UNDECODABLE = "undecodable"
    BAD_SIGNATURE = "bad_signature"
    BAD_ARGUMENTS = "bad_arguments"
    UNKNOWN_TASK = "unknown_task"
    RESULT_TOO_LARGE = "result_too_large"
    RESULT_UNSERIALIZABLE = "result_unserializable"
    DISCARDED = "discarded"


class Counter(StrEnum):
    """What a return to ready is counted as; a settlement raises one of them by one."""

    FAILURES = "failures"
    CRASHES = "crashes"
    RELEASES = "releases"
    SNOOZES = "snoozes"


class OnParent(StrEnum):
    """What a child does when a parent ends in any other way than succeeded."""

    SKIP = "skip"
    FAIL = "fail"
    RUN = "run"


class Until(StrEnum):
    """How long a unique key is held."""

    TERMINAL = "terminal"
    STARTED = "started"
    WINDOW = "window"


class By(StrEnum):
    """Which operation makes a transition."""

    ENQUEUE = "enqueue"
    PARENT_END = "parent's end"
    CLAIM = "claim"
    SWEEP = "sweep"
    CANCEL = "cancel"
    SETTLE = "settle"
    EXTEND = "extend"
    RECLAIM = "reclaim"
    ABANDON = "abandon"
    REQUEUE = "requeue"
    DELETE = "delete"


class Transition(msgspec.Struct, frozen=True):
    """One row: `source` None is a task that does not exist yet, `to` None one that is gone."""

    source: State | None
    to: State | None
    by: By
    rule: str


_W, _R, _X = State.WAITING, State.READY, State.RUNNING
_S, _F, _C, _E, _K = State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.SKIPPED

TRANSITIONS: tuple[Transition, ...] = (
    Transition(None, _W, By.ENQUEUE, "a parent has not ended"),
    Transition(None, _R, By.ENQUEUE, "no parent is open"),
    Transition(None, _K, By.ENQUEUE, "a parent has ended badly, on_parent=skip"),
    Transition(None, _F, By.ENQUEUE, "a parent has ended badly, on_parent=fail"),
    Transition(_W, _R, By.PARENT_END, "the last edge is gone"),
    Transition(_W, _K, By.PARENT_END, "the parent ended badly, on_parent=skip"),
    Transition(_W, _F, By.PARENT_END, "the parent ended badly, on_parent=fail"),
    Transition(_W, _R, By.SWEEP, "re-check: no parent is open"),
    Transition(_W, _K, By.SWEEP, "re-check: a parent has ended badly, on_parent=skip"),
    Transition(_W, _F, By.SWEEP, "re-check: a parent has ended badly, on_parent=fail"),
    *(Transition(s, _E, by, "store now >= expires_at") for s in (_W, _R) for by in (By.CLAIM, By.SWEEP)),
    *(Transition(s, _C, By.CANCEL, "at once") for s in (_W, _R)),
    Transition(_R, _X, By.CLAIM, "eligible_at <= now, queue not paused; attempt+1, new claim id, lease"),
    Transition(_X, _S, By.SETTLE, "fence"),
    Transition(_X, _F, By.SETTLE, "fence, cancel flag clear"),
    Transition(_X, _R, By.SETTLE, "fence, cancel flag clear; one counter up"),
    Transition(_X, _C, By.SETTLE, "fence; asked for, or ready or failed asked for with the cancel flag set"),
    Transition(_X, _R, By.ABANDON, "claim id; place kept, releases+1"),
    Transition(_X, _X, By.EXTEND, "fence; the lease gets longer"),
    Transition(_X, _X, By.RECLAIM, "lease is past; new claim id, same attempt"),
    Transition(_X, _X, By.CANCEL, "the cancel flag is set"),
    *(Transition(s, _R, By.REQUEUE, "key free; counters 0, attempt kept, epoch+1") for s in (_F, _C, _E, _K)),
    *(
        Transition(s, None, by, rule)
        for s in (_S, _F, _C, _E, _K)
        for by, rule in ((By.DELETE, "no live child names it"), (By.SWEEP, "keep_until passed, nothing owed"))
    ),
)

_ALLOWED = frozenset((row.source, row.to, row.by) for row in TRANSITIONS)


def may(source: State | None, to: State | None, by: By) -> bool:
    """Say whether the table has this transition."""
    return (source, to, by) in _ALLOWED


def settled_state(to: State, *, cancel_requested: bool) -> State:
    """Say what a settlement writes: the one decision of a store, since only it sees the flag atomically.

    Success wins against a cancel that came too late; everything that would run again, or fail, does not.
    """
    return State.CANCELLED if cancel_requested and to in (State.READY, State.FAILED) else to


class Verdict(StrEnum):
    """What the end of one parent means for a child."""

    SATISFIED = "satisfied"
    SKIPPED = "skipped"
    FAILED = "failed"


def verdict(parent: State, policy: OnParent) -> Verdict:
    """Say what a parent that ended in this state means for a child with this policy."""
    if parent is State.SUCCEEDED or policy is OnParent.RUN:
        return Verdict.SATISFIED
    return Verdict.SKIPPED if policy is OnParent.SKIP else Verdict.FAILED


HOLDING: dict[Until, frozenset[State]] = {
    Until.TERMINAL: LIVE,
    Until.STARTED: frozenset({State.WAITING, State.READY}),
}


def key_is_held(until: Until, state: State, *, claimed_in_epoch: bool) -> bool:
    """Say whether a task in this state holds its unique key; a window is judged by its time alone."""
    return state in HOLDING[until] and not (until is Until.STARTED and claimed_in_epoch)
