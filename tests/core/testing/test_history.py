"""The checker passes good histories and catches each seeded bad one."""

import msgspec
import pytest

from omniq.testing.history import Broken, Cause, Event, Kind, judge, read, review

LEASE = 100


def line(kind, at, process="p1", attempt=0, claim_id=0, task="t", state=""):
    return Event(kind=Kind(kind), at=at, process=process, task=task, attempt=attempt, claim_id=claim_id, state=state)


def fault(kind, at, process):
    return line(kind, at, process, task="")


def end(at, process="p1", attempt=1, claim_id=1, state="succeeded"):
    return line("finished", at, process, attempt, claim_id, state=state)


ACCEPTED = line("accepted", 0)
FIRST = [line("started", 10, "p1", 1, 1), line("left", 20, "p1", 1, 1)]
SECOND = [line("started", 500, "p2", 2, 2), line("left", 510, "p2", 2, 2), end(511, "p2", 2, 2)]

GOOD = {
    "one start and one end": [ACCEPTED, *FIRST, end(21)],
    "an ending whose reply was lost is sent again": [ACCEPTED, *FIRST, end(21), end(25)],
    "a cancelled task never starts": [ACCEPTED, end(5, attempt=0, claim_id=0, state="cancelled")],
    "a retry": [ACCEPTED, *FIRST, line("back", 21, "p1", 1, 1), *SECOND],
    "a kill in the body": [ACCEPTED, FIRST[0], fault("killed", 15, "p1"), *SECOND],
    "a kill between the body and its ending": [ACCEPTED, *FIRST, fault("killed", 25, "p1"), *SECOND],
    "a freeze in the body, which goes on beside the next": [
        ACCEPTED,
        FIRST[0],
        fault("frozen", 15, "p1"),
        *SECOND,
        fault("thawed", 600, "p1"),
        line("left", 610, "p1", 1, 1),
    ],
    "a freeze between claim and body": [
        ACCEPTED,
        fault("frozen", 5, "p1"),
        *SECOND,
        fault("thawed", 600, "p1"),
        line("started", 601, "p1", 1, 1),
    ],
    "a store that was away, so that a lease ran out": [
        ACCEPTED,
        FIRST[0],
        fault("down", 15, "server"),
        fault("up", 130, "server"),
        *SECOND,
        line("left", 505, "p1", 1, 1),
    ],
    "a requeue": [ACCEPTED, *FIRST, end(21, state="failed"), line("requeued", 30), *SECOND],
}
BAD = {
    Broken.LOST: [ACCEPTED, *FIRST],
    Broken.UNEXPECTED: [*FIRST, end(21)],
    Broken.FINISHED_TWICE: [ACCEPTED, *FIRST, end(21), end(30, state="failed")],
    Broken.OVERLAP: [ACCEPTED, FIRST[0], *SECOND, line("left", 505, "p1", 1, 1)],
    Broken.UNEXPLAINED: [ACCEPTED, *FIRST, *SECOND],
    Broken.SAME_FENCE: [
        ACCEPTED,
        *FIRST,
        line("back", 21, "p1", 1, 1),
        line("started", 30, "p1", 1, 1),
        line("left", 35, "p1", 1, 1),
        end(40),
    ],
    Broken.ATTEMPT_WENT_BACK: [
        ACCEPTED,
        line("started", 10, "p1", 2, 1),
        line("left", 20, "p1", 2, 1),
        line("back", 21, "p1", 2, 1),
        line("started", 30, "p2", 1, 2),
        line("left", 35, "p2", 1, 2),
        end(40, "p2", 1, 2),
    ],
    Broken.NOT_BY_ITS_HOLDER: [
        ACCEPTED,
        FIRST[0],
        fault("frozen", 15, "p1"),
        SECOND[0],
        fault("thawed", 505, "p1"),
        line("left", 506, "p1", 1, 1),
        end(508, "p2", 2, 2),
        SECOND[1],
    ],
    Broken.RAN_AFTER_END: [ACCEPTED, *FIRST, end(21), line("back", 22, "p1", 1, 1), SECOND[0]],
}


@pytest.mark.parametrize("events", GOOD.values(), ids=GOOD)
def test_a_good_history_passes(events):
    assert judge(events, lease=LEASE) == []


@pytest.mark.parametrize("what", Broken)
def test_a_seeded_bad_history_is_caught(what):
    assert {one.what for one in judge(BAD[what], lease=LEASE)} == {what}


@pytest.mark.parametrize(
    ("history", "causes"),
    [
        ("one start and one end", {}),
        ("a retry", {Cause.SENT_BACK: 1}),
        ("a kill in the body", {Cause.KILLED: 1}),
        ("a freeze between claim and body", {Cause.FROZEN: 1}),
        ("a store that was away, so that a lease ran out", {Cause.DOWN: 1}),
        ("a requeue", {Cause.REQUEUED: 1}),
    ],
)
def test_every_second_start_is_counted_under_its_cause(history, causes):
    assert review(GOOD[history], lease=LEASE).repeats == causes


def test_a_store_that_was_back_long_before_explains_nothing():
    events = [ACCEPTED, fault("down", -500, "s"), fault("up", -400, "s"), *FIRST, *SECOND]

    assert [one.what for one in judge(events, lease=LEASE)] == [Broken.UNEXPLAINED]


def test_a_fault_of_another_process_explains_nothing():
    events = [ACCEPTED, FIRST[0], fault("killed", 15, "p3"), *SECOND]

    assert [one.what for one in judge(events, lease=LEASE)] == [Broken.OVERLAP]


def test_a_freeze_that_ended_long_before_the_body_explains_nothing():
    events = [ACCEPTED, fault("frozen", -500, "p1"), fault("thawed", -400, "p1"), *FIRST, *SECOND]

    assert [one.what for one in judge(events, lease=LEASE)] == [Broken.UNEXPLAINED]


def test_a_kill_long_after_the_body_had_left_explains_nothing():
    events = [ACCEPTED, *FIRST, fault("killed", 200, "p1"), *SECOND]

    assert [one.what for one in judge(events, lease=LEASE)] == [Broken.UNEXPLAINED]


def test_a_run_that_was_not_drained_has_lost_nothing_yet():
    assert judge([ACCEPTED, *FIRST], lease=LEASE, drained=False) == []


def test_tasks_are_judged_apart():
    other = [msgspec.structs.replace(event, task="u") for event in GOOD["a retry"]]

    assert [(one.task, one.what) for one in judge(BAD[Broken.LOST] + other, lease=LEASE)] == [("t", Broken.LOST)]


def test_files_of_many_processes_are_read_and_a_torn_last_line_is_left_out(tmp_path):
    lines = [msgspec.json.encode(event) for event in GOOD["a retry"]]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines[:3]) + b"\n")
    (tmp_path / "b.jsonl").write_bytes(b"\n".join(lines[3:]) + b'\n{"kind":"star')

    assert list(read(sorted(tmp_path.iterdir()))) == GOOD["a retry"]
