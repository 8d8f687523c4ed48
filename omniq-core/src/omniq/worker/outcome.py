"""Says what one ending means for its task: the only place where retry, release and failure are decided.

Pure: no clock, no store, no random source. The table in its test covers every ending.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from omniq.execution.ending import (
    BadArguments,
    BadSignature,
    Cancelled,
    Crashed,
    DeadlinePassed,
    Discarded,
    Ending,
    Interrupted,
    Raised,
    ResultTooLarge,
    ResultUnserializable,
    RetryAsked,
    Returned,
    Snoozed,
    TimedOut,
    Undecodable,
    UnknownTask,
    type_names,
)
from omniq.models.policy import (
    MAX_CRASHES,
    MAX_SNOOZES,
    MAX_UNKNOWN,
    UNKNOWN_DELAY,
    TaskPolicy,
    backoff,
    crash_delay,
)
from omniq.models.result import TaskError, dump_error
from omniq.models.states import Counter, Reason, State
from omniq.models.values import Micros
from omniq.storage.records import ClaimedTask, Ref, Settlement

__all__ = ("Outcome", "decide", "settlement", "undecided")

_TIMEOUT = type_names(TimeoutError)


class Outcome(msgspec.Struct, frozen=True):
    """What a task becomes; `delay` None keeps its place in the queue."""

    to: State
    delay: Micros | None = None
    count: Counter | None = None
    reason: Reason | None = None


_SUCCEEDED = Outcome(State.SUCCEEDED)


def decide(task: ClaimedTask, ending: Ending, policy: TaskPolicy, *, chance: float) -> Outcome:
    """Say what one ending of one attempt means for the task; `chance` is drawn by the caller from [0, 1).

    The cancel flag is not read here: only the store sees it in the step that writes, and it turns ready and
    failed into cancelled by itself.
    """
    match ending:
        case Returned():
            return _SUCCEEDED
        case Raised(bases=bases):
            return _failed(task, policy, Reason.EXCEPTION, chance, worth=policy.retries.covers(bases))
        case TimedOut():
            return _failed(task, policy, Reason.TIMEOUT, chance, worth=policy.retries.covers(_TIMEOUT))
        case RetryAsked(delay=delay):
            return _failed(task, policy, Reason.EXCEPTION, chance, worth=True, delay=delay)
        case Interrupted():  # costs nothing, keeps the place in the queue
            return Outcome(State.READY, count=Counter.RELEASES)
        case Cancelled():
            return Outcome(State.CANCELLED)
        case Crashed():
            crashes = task.crashes + 1
            if crashes >= MAX_CRASHES:
                return Outcome(State.FAILED, count=Counter.CRASHES, reason=Reason.CRASHED)
            delay = crash_delay(policy.retries, crashes, chance)
            return Outcome(State.READY, delay, Counter.CRASHES, Reason.CRASHED)
        case Snoozed(delay=delay):
            if task.snoozes + 1 >= MAX_SNOOZES:
                return Outcome(State.FAILED, count=Counter.SNOOZES, reason=Reason.DISCARDED)
            return Outcome(State.READY, delay or None, Counter.SNOOZES)
        case UnknownTask():
            if task.releases + 1 >= MAX_UNKNOWN:
                return Outcome(State.FAILED, count=Counter.RELEASES, reason=Reason.UNKNOWN_TASK)
            return Outcome(State.READY, UNKNOWN_DELAY, Counter.RELEASES, Reason.UNKNOWN_TASK)
        case DeadlinePassed():
            return Outcome(State.FAILED, reason=Reason.DEADLINE)
        case Discarded():
            return Outcome(State.FAILED, reason=Reason.DISCARDED)
        case Undecodable():
            return Outcome(State.FAILED, reason=Reason.UNDECODABLE)
        case BadSignature():
            return Outcome(State.FAILED, reason=Reason.BAD_SIGNATURE)
        case BadArguments():
            return Outcome(State.FAILED, reason=Reason.BAD_ARGUMENTS)
        case ResultTooLarge():
            return Outcome(State.FAILED, reason=Reason.RESULT_TOO_LARGE)
        case ResultUnserializable():
            return Outcome(State.FAILED, reason=Reason.RESULT_UNSERIALIZABLE)
        case _:
            assert_never(ending)


def settlement(task: ClaimedTask, ending: Ending, policy: TaskPolicy, *, chance: float, ref: Ref) -> Settlement:
    """Turn an ending into what the store is asked to write."""
    if type(ending) is Returned:  # the outcome of nearly all, and there is nothing to decide
        return Settlement(fence=task.fence, ref=ref, to=State.SUCCEEDED, result=ending.result)
    outcome = decide(task, ending, policy, chance=chance)
    return Settlement(
        fence=task.fence,
        ref=ref,
        to=outcome.to,
        delay=outcome.delay,
        count=outcome.count,
        reason=outcome.reason,
        error=_error(ending, outcome),
    )


def undecided(task: ClaimedTask, why: Exception, *, ref: Ref) -> Settlement:
    """Fail a task whose ending cannot be judged or written: it would be held for ever, and its neighbours with it."""
    error = dump_error(TaskError.of(why))
    return Settlement(fence=task.fence, ref=ref, to=State.FAILED, reason=Reason.EXCEPTION, error=error)


def _failed(
    task: ClaimedTask,
    policy: TaskPolicy,
    reason: Reason,
    chance: float,
    *,
    worth: bool,
    delay: Micros | None = None,
) -> Outcome:
    failures = task.failures + 1
    if not worth or failures > policy.retries.max:
        return Outcome(State.FAILED, count=Counter.FAILURES, reason=reason)
    if delay is None:
        delay = backoff(policy.retries, failures, chance)
    return Outcome(State.READY, delay, Counter.FAILURES, reason)


def _error(ending: Ending, outcome: Outcome) -> bytes | None:
    match ending:
        case Returned() | Interrupted() | Cancelled():
            return None
        case Snoozed():
            if outcome.to is State.READY:
                return None
            return dump_error(TaskError("omniq.Snooze", f"snoozed {MAX_SNOOZES} times without an end"))
        case _:
            return dump_error(ending.error)
