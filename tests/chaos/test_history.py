"""The judge is believed because each planted fault is caught, and by the right name."""

from __future__ import annotations

import msgspec
import pytest
from chaos_history import Ended, Fault, History, Run, judge

FIRST = Run(task_id="a", attempt=1, claim=11, pid=1, started_at=1.0)
SECOND = Run(task_id="a", attempt=2, claim=12, pid=2, started_at=3.0, ended_at=3.1)
KILL = Fault(what="kill", pid=1, since=1.5)
END = Ended(task_id="a", state="succeeded", attempt=2, finished_at="t1", by_pid=2, by_attempt=2)
GOOD = History(accepted=["a"], runs=[FIRST, SECOND], faults=[KILL], seen=[END, END], lease=1.0)


def but(**changes: object) -> History:
    return msgspec.structs.replace(GOOD, **changes)


def test_a_second_start_after_a_kill_is_right():
    verdict = judge(GOOD)

    assert verdict.right
    assert verdict.by_cause == {"kill": 1}


def test_an_accepted_task_without_an_ending_is_lost():
    assert judge(but(seen=[])).lost == ["a"]


def test_two_different_endings_of_one_task_are_caught():
    again = msgspec.structs.replace(END, finished_at="t2")

    assert judge(but(seen=[END, again])).ended_twice == ["a"]


def test_a_second_start_without_a_fault_is_unexplained():
    assert judge(but(faults=[])).unexplained == ["a attempt 2 after 1"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(what="kill", pid=2, since=1.5), id="on another process"),
        pytest.param(Fault(what="kill", pid=1, since=3.5), id="after the second start"),
        pytest.param(Fault(what="stop", pid=1, since=0.1, until=0.9), id="over before the first start"),
    ],
)
def test_a_fault_explains_only_what_it_could_have_caused(fault):
    assert judge(but(faults=[fault])).unexplained


def test_a_kill_long_after_the_end_does_not_explain_a_second_start():
    ended = msgspec.structs.replace(FIRST, ended_at=1.1)
    late = Fault(what="kill", pid=1, since=2.5)

    assert judge(but(runs=[ended, SECOND], faults=[late])).unexplained


def test_the_value_of_a_superseded_attempt_is_caught():
    stale = msgspec.structs.replace(END, by_pid=1, by_attempt=1)

    assert judge(but(seen=[stale])).stale_value == ["a"]


def test_a_value_whose_body_never_ended_is_caught():
    unended = msgspec.structs.replace(SECOND, ended_at=None)

    assert judge(but(runs=[FIRST, unended])).stale_value == ["a"]
