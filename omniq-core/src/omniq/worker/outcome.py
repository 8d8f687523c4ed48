"""What one ending of one attempt means for the task: one pure function, tested by a table."""

from __future__ import annotations

from typing import assert_never

import msgspec

from omniq.execution.ending import (
    Cancelled,
    Crashed,
    Discarded,
    Ending,
    Interrupted,
    PastDeadline,
    Raised,
    Refused,
    RetryAsked,
    Returned,
    Snoozed,
    TimedOut,
    UnknownTask,
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
from omniq.models.result import TaskError
from omniq.models.states import Counter, Reason, State
from omniq.models.values import Micros, span_text
from omniq.storage.records import ClaimedTask

__all__ = ("Outcome", "decide")


class Outcome(msgspec.Struct, frozen=True):
    """What the task becomes. `delay` None keeps its place in the queue."""

    to: State
    delay: Micros | None = None
    count: Counter | None = None
    reason: Reason | None = None
    error: TaskError | None = None
    result: bytes | None = None


def decide(task: ClaimedTask, ending: Ending, policy: TaskPolicy, *, chance: float) -> Outcome:
    """Say what one ending of one attempt means for the task; `chance` is drawn by the caller from [0, 1).

    The cancel flag is not read here: only the store sees it in the step that writes, and it turns `ready` and
    `failed` into `cancelled` by itself.
    """
    match ending:
        case Returned(result):
            return Outcome(State.SUCCEEDED, result=result)
        case Raised(error, bases):
            return _failed(task, policy, chance, Reason.EXCEPTION, error, retry=policy.retries.covers(bases))
        case RetryAsked(error, delay):
            return _failed(task, policy, chance, Reason.EXCEPTION, error, delay=delay)
        case TimedOut(after):
            error = TaskError("TimeoutError", f"the attempt took longer than its timeout of {span_text(after)}")
            return _failed(task, policy, chance, Reason.TIMEOUT, error)
        case PastDeadline():
            error = TaskError("TimeoutError", "the deadline of the task has passed")
            return Outcome(State.FAILED, count=Counter.FAILURES, reason=Reason.DEADLINE, error=error)
        case Cancelled():
            return Outcome(State.CANCELLED)
        case Interrupted():  # shutdown: costs nothing, keeps the place in the queue
            return Outcome(State.READY, count=Counter.RELEASES)
        case Crashed():
            crashes = task.crashes + 1
            if crashes >= MAX_CRASHES:
                error = TaskError("WorkerCrashed", f"the worker vanished during {crashes} attempts of this task")
                return Outcome(State.FAILED, count=Counter.CRASHES, reason=Reason.CRASHED, error=error)
            delay = crash_delay(policy.retries, crashes, chance)
            return Outcome(State.READY, delay, Counter.CRASHES)
        case Snoozed(delay):
            if task.snoozes >= MAX_SNOOZES:
                error = TaskError("Snooze", f"the task was put off {MAX_SNOOZES} times")
                return Outcome(State.FAILED, reason=Reason.DISCARDED, error=error)
            return Outcome(State.READY, delay or None, Counter.SNOOZES)
        case Discarded(why):
            return Outcome(State.FAILED, reason=Reason.DISCARDED, error=TaskError("Discard", why))
        case UnknownTask():
            if task.releases + 1 >= MAX_UNKNOWN:
                error = TaskError("UnknownTask", f"no worker that took it knows a task {task.name!r}")
                return Outcome(State.FAILED, reason=Reason.UNKNOWN_TASK, error=error)
            return Outcome(State.READY, UNKNOWN_DELAY, Counter.RELEASES)
        case Refused(reason, error):
            return Outcome(State.FAILED, reason=reason, error=error)
        case _:
            assert_never(ending)


def _failed(
    task: ClaimedTask,
    policy: TaskPolicy,
    chance: float,
    reason: Reason,
    error: TaskError,
    *,
    retry: bool = True,
    delay: Micros | None = None,
) -> Outcome:
    failures = task.failures + 1
    if not retry or failures > policy.retries.max:
        return Outcome(State.FAILED, count=Counter.FAILURES, reason=reason, error=error)
    if delay is None:
        delay = backoff(policy.retries, failures, chance)
    return Outcome(State.READY, delay, Counter.FAILURES, reason, error)
