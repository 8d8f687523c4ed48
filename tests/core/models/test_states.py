"""The transition table: every row, and what the few pure rules on it say."""

import itertools

import pytest

from omniq.models.states import (
    LIVE,
    TERMINAL,
    TRANSITIONS,
    By,
    OnParent,
    State,
    Until,
    Verdict,
    key_is_held,
    may,
    settled_state,
    verdict,
)


def test_codes_stand_in_the_order_of_a_life_and_come_back():
    assert [State.of(state.code) for state in State] == list(State)
    assert [state for state in State if state.terminal] == [
        State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.SKIPPED,
    ]  # fmt: skip


def test_live_and_terminal_states_are_a_partition():
    assert set(State) == LIVE | TERMINAL
    assert not LIVE & TERMINAL


def test_no_row_stands_twice():
    rows = [(row.source, row.to, row.by) for row in TRANSITIONS]

    assert len(rows) == len(set(rows))


def test_succeeded_is_never_requeued():
    assert not may(State.SUCCEEDED, State.READY, By.REQUEUE)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_terminal_state_is_left_by_requeue_delete_and_sweep_only(state):
    ways = {row.by for row in TRANSITIONS if row.source is state}

    assert ways <= {By.REQUEUE, By.DELETE, By.SWEEP}


def test_only_a_claim_makes_a_task_run():
    into = {(row.source, row.by) for row in TRANSITIONS if row.to is State.RUNNING and row.source is not State.RUNNING}

    assert into == {(State.READY, By.CLAIM)}


@pytest.mark.parametrize(
    ("to", "cancel_requested", "written"),
    [
        (State.SUCCEEDED, True, State.SUCCEEDED),
        (State.READY, True, State.CANCELLED),
        (State.FAILED, True, State.CANCELLED),
        (State.CANCELLED, True, State.CANCELLED),
        (State.READY, False, State.READY),
        (State.FAILED, False, State.FAILED),
    ],
)
def test_a_cancel_beats_everything_but_success(to, cancel_requested, written):
    assert settled_state(to, cancel_requested=cancel_requested) is written


@pytest.mark.parametrize(("parent", "policy"), list(itertools.product(sorted(TERMINAL), OnParent)))
def test_the_verdict_of_a_parents_end(parent, policy):
    expected = {
        OnParent.SKIP: Verdict.SKIPPED,
        OnParent.FAIL: Verdict.FAILED,
        OnParent.RUN: Verdict.SATISFIED,
    }

    assert verdict(parent, policy) is (Verdict.SATISFIED if parent is State.SUCCEEDED else expected[policy])


@pytest.mark.parametrize("state", list(State))
def test_a_key_until_terminal_is_held_by_the_living(state):
    assert key_is_held(Until.TERMINAL, state, claimed_in_epoch=True) is (state in LIVE)


def test_a_key_until_started_is_free_from_the_first_claim_of_the_epoch_on():
    assert key_is_held(Until.STARTED, State.READY, claimed_in_epoch=False)
    assert not key_is_held(Until.STARTED, State.READY, claimed_in_epoch=True)
    assert not key_is_held(Until.STARTED, State.RUNNING, claimed_in_epoch=True)
