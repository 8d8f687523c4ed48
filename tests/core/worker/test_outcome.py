"""The one decision: a row an ending, and a test that every ending has one."""

from typing import get_args

import pytest

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
from omniq.models.policy import MAX_SNOOZES, MAX_UNKNOWN, UNKNOWN_DELAY, Retries, TaskPolicy
from omniq.models.result import TaskError
from omniq.models.states import Counter, Reason, State
from omniq.models.values import SECOND
from omniq.storage.records import ClaimedTask, Fence
from omniq.worker.outcome import Outcome, decide

ERROR = TaskError("ValueError", "no")
POLICY = TaskPolicy(retries=Retries(max=3, give_up_on=("builtins:KeyError",)))


def claimed(**counters):
    return ClaimedTask(
        fence=Fence("id", 1, 1), ref=1, name="m:f", queue="default", priority=5, payload=b"", policy=b"", **counters
    )


FRESH, SPENT = claimed(), claimed(failures=3)
TIMED_OUT = TaskError("TimeoutError", "the attempt took longer than its timeout of 2 s")

TABLE = [  # what, ending, before, outcome
    ("a return succeeds, budget spent or not", Returned(b"x"), SPENT, Outcome(State.SUCCEEDED, result=b"x")),
    (
        "an error is retried",
        Raised(ERROR, ("builtins:ValueError",)),
        FRESH,
        Outcome(State.READY, SECOND // 2, Counter.FAILURES, Reason.EXCEPTION, ERROR),
    ),
    (
        "an error beyond the budget fails",
        Raised(ERROR, ("builtins:ValueError",)),
        SPENT,
        Outcome(State.FAILED, count=Counter.FAILURES, reason=Reason.EXCEPTION, error=ERROR),
    ),
    (
        "an error to give up on fails at once",
        Raised(ERROR, ("builtins:KeyError", "builtins:LookupError")),
        FRESH,
        Outcome(State.FAILED, count=Counter.FAILURES, reason=Reason.EXCEPTION, error=ERROR),
    ),
    (
        "a retry comes when the body said",
        RetryAsked(ERROR, 7),
        FRESH,
        Outcome(State.READY, 7, Counter.FAILURES, Reason.EXCEPTION, ERROR),
    ),
    (
        "a retry that was asked for is bounded by the budget too",
        RetryAsked(ERROR, 7),
        SPENT,
        Outcome(State.FAILED, count=Counter.FAILURES, reason=Reason.EXCEPTION, error=ERROR),
    ),
    (
        "a timeout counts as a failure",
        TimedOut(2 * SECOND),
        FRESH,
        Outcome(State.READY, SECOND // 2, Counter.FAILURES, Reason.TIMEOUT, TIMED_OUT),
    ),
    (
        "a deadline ends the task whatever is left of its budget",
        PastDeadline(),
        FRESH,
        Outcome(
            State.FAILED,
            count=Counter.FAILURES,
            reason=Reason.DEADLINE,
            error=TaskError("TimeoutError", "the deadline of the task has passed"),
        ),
    ),
    ("a cancelled body ends as cancelled", Cancelled(), FRESH, Outcome(State.CANCELLED)),
    ("a shutdown costs nothing", Interrupted(), SPENT, Outcome(State.READY, count=Counter.RELEASES)),
    ("a crash is tried again", Crashed(), FRESH, Outcome(State.READY, SECOND // 2, Counter.CRASHES)),
    (
        "the third crash fails",
        Crashed(),
        claimed(crashes=2),
        Outcome(
            State.FAILED,
            count=Counter.CRASHES,
            reason=Reason.CRASHED,
            error=TaskError("WorkerCrashed", "the worker vanished during 3 attempts of this task"),
        ),
    ),
    ("a snooze burns nothing", Snoozed(9), SPENT, Outcome(State.READY, 9, Counter.SNOOZES)),
    ("a snooze of 0 keeps its place", Snoozed(0), FRESH, Outcome(State.READY, None, Counter.SNOOZES)),
    (
        "snoozes are capped",
        Snoozed(9),
        claimed(snoozes=MAX_SNOOZES),
        Outcome(State.FAILED, reason=Reason.DISCARDED, error=TaskError("Snooze", "the task was put off 10000 times")),
    ),
    (
        "a discard fails without a retry",
        Discarded("enough"),
        FRESH,
        Outcome(State.FAILED, reason=Reason.DISCARDED, error=TaskError("Discard", "enough")),
    ),
    ("an unknown task waits for its code", UnknownTask(), FRESH, Outcome(State.READY, UNKNOWN_DELAY, Counter.RELEASES)),
    (
        "an unknown task fails at its last release",
        UnknownTask(),
        claimed(releases=MAX_UNKNOWN - 1),
        Outcome(
            State.FAILED,
            reason=Reason.UNKNOWN_TASK,
            error=TaskError("UnknownTask", "no worker that took it knows a task 'm:f'"),
        ),
    ),
    (
        "what no retry can mend is not retried",
        Refused(Reason.UNDECODABLE, ERROR),
        FRESH,
        Outcome(State.FAILED, reason=Reason.UNDECODABLE, error=ERROR),
    ),
]


@pytest.mark.parametrize(("ending", "before", "expected"), [pytest.param(*row, id=what) for what, *row in TABLE])
def test_decide(ending, before, expected):
    assert decide(before, ending, POLICY, chance=0.5) == expected


def test_the_table_has_every_ending():
    assert {type(ending) for _, ending, *_ in TABLE} == set(get_args(Ending))
