"""The table: what every ending means."""

from __future__ import annotations

from typing import get_args

import pytest

from omniq.execution import ending as end
from omniq.models.policy import MAX_SNOOZES, MAX_UNKNOWN, UNKNOWN_DELAY, Retries, TaskPolicy
from omniq.models.result import TaskError, load_error
from omniq.models.states import By, Counter, Reason, State, may
from omniq.models.values import HOUR, SECOND
from omniq.storage.records import ClaimedTask, Fence
from omniq.worker.outcome import Outcome, decide, settlement, undecided

POLICY = TaskPolicy(retries=Retries(max=3, give_up_on=("builtins:ArithmeticError",)))
ERROR = TaskError("ValueError", "no")
VALUE_ERROR = end.type_names(ValueError)
HALF = SECOND // 2
READY, FAILED = State.READY, State.FAILED


def claimed(**counters: int) -> ClaimedTask:
    return ClaimedTask(
        fence=Fence("id", 1, 1),
        ref=None,
        name="t",
        queue="q",
        priority=5,
        payload=b"",
        policy=b"",
        **counters,
    )


FRESH, SPENT = claimed(), claimed(failures=3)

TABLE = [
    ("a return succeeds, budget spent or not", end.Returned(b"1"), SPENT, Outcome(State.SUCCEEDED)),
    (
        "an error is retried after a jittered delay",
        end.Raised(ERROR, VALUE_ERROR),
        FRESH,
        Outcome(READY, HALF, Counter.FAILURES, Reason.EXCEPTION),
    ),
    (
        "the delay doubles with each failure",
        end.Raised(ERROR, VALUE_ERROR),
        claimed(failures=2),
        Outcome(READY, 4 * HALF, Counter.FAILURES, Reason.EXCEPTION),
    ),
    (
        "an error beyond the budget fails",
        end.Raised(ERROR, VALUE_ERROR),
        SPENT,
        Outcome(FAILED, None, Counter.FAILURES, Reason.EXCEPTION),
    ),
    (
        "an error that is given up on fails at once, by its base",
        end.Raised(ERROR, end.type_names(ZeroDivisionError)),
        FRESH,
        Outcome(FAILED, None, Counter.FAILURES, Reason.EXCEPTION),
    ),
    (
        "a timeout counts as a failure",
        end.TimedOut(ERROR),
        FRESH,
        Outcome(READY, HALF, Counter.FAILURES, Reason.TIMEOUT),
    ),
    (
        "a timeout beyond the budget fails",
        end.TimedOut(ERROR),
        SPENT,
        Outcome(FAILED, None, Counter.FAILURES, Reason.TIMEOUT),
    ),
    (
        "a passed deadline is never retried",
        end.DeadlinePassed(ERROR),
        FRESH,
        Outcome(FAILED, reason=Reason.DEADLINE),
    ),
    ("a shutdown costs nothing", end.Interrupted(), SPENT, Outcome(READY, count=Counter.RELEASES)),
    ("who was asked to stop is cancelled", end.Cancelled(), FRESH, Outcome(State.CANCELLED)),
    (
        "a crash comes back and costs no retry",
        end.Crashed(ERROR),
        SPENT,
        Outcome(READY, HALF, Counter.CRASHES, Reason.CRASHED),
    ),
    (
        "the third crash fails",
        end.Crashed(ERROR),
        claimed(crashes=2),
        Outcome(FAILED, None, Counter.CRASHES, Reason.CRASHED),
    ),
    (
        "the delay doubles with each crash",
        end.Crashed(ERROR),
        claimed(crashes=1),
        Outcome(READY, 2 * HALF, Counter.CRASHES, Reason.CRASHED),
    ),
    ("a snooze comes back", end.Snoozed(HOUR), SPENT, Outcome(READY, HOUR, Counter.SNOOZES)),
    ("a snooze of 0 keeps its place", end.Snoozed(0), FRESH, Outcome(READY, None, Counter.SNOOZES)),
    (
        "snoozes end",
        end.Snoozed(HOUR),
        claimed(snoozes=MAX_SNOOZES - 1),
        Outcome(FAILED, None, Counter.SNOOZES, Reason.DISCARDED),
    ),
    (
        "a retry may name its delay",
        end.RetryAsked(ERROR, HOUR),
        FRESH,
        Outcome(READY, HOUR, Counter.FAILURES, Reason.EXCEPTION),
    ),
    (
        "a retry without a delay takes the policy's",
        end.RetryAsked(ERROR),
        FRESH,
        Outcome(READY, HALF, Counter.FAILURES, Reason.EXCEPTION),
    ),
    (
        "a retry that is asked for does not lift the budget",
        end.RetryAsked(ERROR, HOUR),
        SPENT,
        Outcome(FAILED, None, Counter.FAILURES, Reason.EXCEPTION),
    ),
    ("a discard fails", end.Discarded(ERROR), FRESH, Outcome(FAILED, reason=Reason.DISCARDED)),
    ("undecodable is final", end.Undecodable(ERROR), FRESH, Outcome(FAILED, reason=Reason.UNDECODABLE)),
    (
        "a bad signature is final",
        end.BadSignature(ERROR),
        FRESH,
        Outcome(FAILED, reason=Reason.BAD_SIGNATURE),
    ),
    ("bad arguments are final", end.BadArguments(ERROR), FRESH, Outcome(FAILED, reason=Reason.BAD_ARGUMENTS)),
    (
        "an unknown task waits for a newer worker",
        end.UnknownTask(ERROR),
        SPENT,
        Outcome(READY, UNKNOWN_DELAY, Counter.RELEASES, Reason.UNKNOWN_TASK),
    ),
    (
        "an unknown task fails at its 120th release",
        end.UnknownTask(ERROR),
        claimed(releases=MAX_UNKNOWN - 1),
        Outcome(FAILED, None, Counter.RELEASES, Reason.UNKNOWN_TASK),
    ),
    (
        "too large a result is final",
        end.ResultTooLarge(ERROR),
        FRESH,
        Outcome(FAILED, reason=Reason.RESULT_TOO_LARGE),
    ),
    (
        "a result that does not travel is final",
        end.ResultUnserializable(ERROR),
        FRESH,
        Outcome(FAILED, reason=Reason.RESULT_UNSERIALIZABLE),
    ),
]


@pytest.mark.parametrize(("ending", "before", "expected"), [pytest.param(*row, id=what) for what, *row in TABLE])
def test_decide(ending, before, expected):
    assert decide(before, ending, POLICY, chance=0.5) == expected


def test_the_table_has_every_ending():
    assert {type(ending) for _, ending, *_ in TABLE} == set(get_args(end.Ending))


@pytest.mark.parametrize("expected", [row[3] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_outcome_is_a_transition_that_a_holder_may_make(expected):
    assert may(State.RUNNING, expected.to, By.SETTLE)


def test_a_settlement_carries_the_value_of_a_return_and_no_error():
    made = settlement(FRESH, end.Returned(b"1"), POLICY, chance=0.5, ref=7)

    assert (made.fence, made.ref, made.to, made.result, made.error) == (
        FRESH.fence,
        7,
        State.SUCCEEDED,
        b"1",
        None,
    )


def test_a_settlement_of_a_retry_carries_its_error():
    made = settlement(FRESH, end.Raised(ERROR, VALUE_ERROR), POLICY, chance=0.5, ref=None)

    assert load_error(made.error) == ERROR


def test_a_snooze_stores_no_error():
    assert settlement(FRESH, end.Snoozed(HOUR), POLICY, chance=0.5, ref=None).error is None


def test_a_timeout_that_is_given_up_on_fails_at_once():
    policy = TaskPolicy(retries=Retries(max=3, give_up_on=("builtins:TimeoutError",)))

    assert decide(FRESH, end.TimedOut(ERROR), policy, chance=0.5).to is FAILED


def test_a_task_that_snoozed_too_often_says_so():
    made = settlement(claimed(snoozes=MAX_SNOOZES - 1), end.Snoozed(HOUR), POLICY, chance=0.5, ref=None)

    assert load_error(made.error).type == "omniq.Snooze"


def test_what_cannot_be_judged_fails_under_its_own_ref_and_says_why():
    made = undecided(FRESH, OverflowError("too much"), ref=7)

    assert (made.fence, made.ref, made.to, made.reason) == (FRESH.fence, 7, FAILED, Reason.EXCEPTION)
    assert load_error(made.error).type == "OverflowError"
