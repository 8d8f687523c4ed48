"""Acting on many tasks by a filter: counted, asked about, carried out once."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys

import pytest

JOBS = ("-b", "sqlite:///jobs.db")


@pytest.fixture
def five(python):
    """Two failed, one succeeded, two ready in `slow`; their ids."""
    text = python(
        "import shop\n"
        "ended = [shop.fail.enqueue('hush'), shop.fail.options(tags=['red']).enqueue('hush'), shop.add.enqueue(1, 1)]\n"
        "shop.oq.run_until_idle(queues=['default'])\n"
        "print(*[one.id for one in ended + [shop.nap.enqueue(0), shop.nap.enqueue(0)]])"
    )
    return text.split()


def record(done):
    return json.loads(done.stdout)


def states(omniq):
    return [json.loads(line)["state"] for line in omniq(*JOBS, "tasks", "list", "-o", "jsonl").stdout.splitlines()]


def test_a_filter_requeues_failed_tasks_and_answers_counts(omniq, five):
    done = omniq(*JOBS, "tasks", "requeue", "--name", "shop:fail", "--yes", "-o", "json")

    assert record(done) == {
        "matched": 2, "requeued": 2, "live": 0, "succeeded": 0, "held": 0, "missing": 0, "dry_run": False,
    }  # fmt: skip
    assert states(omniq) == ["ready", "ready", "succeeded", "ready", "ready"]


def test_a_dry_run_counts_and_does_nothing(omniq, five):
    done = omniq(*JOBS, "tasks", "cancel", "--queue", "slow", "--dry-run", "-o", "json")

    assert (record(done)["matched"], record(done)["cancelled"], record(done)["dry_run"]) == (2, 2, True)
    assert states(omniq) == ["ready", "ready", "succeeded", "failed", "failed"]


def test_with_nobody_to_ask_a_filter_does_nothing_and_exits_1(omniq, five):
    done = omniq(*JOBS, "tasks", "delete", "--state", "failed", "--tag", "red")

    assert (done.returncode, done.stdout) == (1, "")
    assert "delete 1 task of " in done.stderr
    assert "add --yes" in done.stderr
    assert states(omniq).count("failed") == 2


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, 2), ("y", 0, 1)])
def test_on_a_terminal_it_asks_and_a_no_exits_1(omniq, five, answer, code, left):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "omniq.cli", *JOBS, "tasks", "delete", "--state", "failed", "--tag", "red"]
    os.write(leader, f"{answer}\n".encode())

    done = subprocess.run(command, stdin=follower, capture_output=True, text=True, timeout=60, check=False)

    os.close(leader)
    os.close(follower)
    assert done.returncode == code
    assert states(omniq).count("failed") == left


def test_ctrl_c_at_the_question_ends_at_once_and_does_nothing(omniq, five):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "omniq.cli", *JOBS, "tasks", "delete", "--state", "failed"]
    process = subprocess.Popen(command, stdin=follower, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while b"]:" not in process.stderr.read1():  # the prompt waits for an answer
            assert process.poll() is None
        for _ in range(100):  # one that comes between the prompt and the read is seen only by the next
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert process.wait(timeout=0.3) == 130
                break
        else:
            raise AssertionError("Ctrl-C does not end the question")
    finally:
        process.kill()
        process.communicate()
        os.close(leader)
        os.close(follower)
    assert states(omniq).count("failed") == 2


def test_ids_are_deleted_one_answer_each(omniq, five):
    done = omniq(*JOBS, "tasks", "delete", five[0], five[3], "--yes", "-o", "jsonl")

    assert [json.loads(line)["answer"] for line in done.stdout.splitlines()] == ["deleted", "live"]


def test_a_requeue_of_ids_answers_each_and_a_missing_one_exits_3(omniq, five):
    done = omniq(*JOBS, "tasks", "requeue", five[0], five[2], "018f0000-0000-7000-8000-00000000000f", "-o", "jsonl")

    assert [json.loads(line)["answer"] for line in done.stdout.splitlines()] == ["requeued", "succeeded", "missing"]
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("tasks", "requeue"), "say which tasks"),
        (("tasks", "requeue", "an-id", "--state", "failed"), "exclude each other"),
        (("tasks", "requeue", "--state", "succeeded", "--yes"), "requeue does nothing to succeeded tasks"),
        (("tasks", "delete", "--state", "running", "--yes"), "delete does nothing to running tasks"),
        (("tasks", "cancel", "--since", "soon", "--queue", "slow", "--yes"), "'soon' is no duration"),
        (("queues", "purge", "a b", "--yes"), "queue name 'a b' is not allowed"),
    ],
)
def test_what_makes_no_sense_exits_2_and_says_why(omniq, five, argv, why):
    done = omniq(*JOBS, *argv)

    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_filter_that_meets_nothing_is_no_error(omniq, five):
    done = omniq(*JOBS, "tasks", "requeue", "--name", "shop:nosuch", "-o", "json")

    assert (done.returncode, record(done)["matched"]) == (0, 0)


def test_purge_counts_then_leaves_an_empty_queue(omniq, five):
    dry = omniq(*JOBS, "queues", "purge", "slow", "default", "--dry-run", "-o", "json")
    refused = omniq(*JOBS, "queues", "purge", "slow")
    done = omniq(*JOBS, "queues", "purge", "slow", "--yes", "-o", "json")

    assert record(dry) == [
        {"queue": "slow", "cancelled": 2, "deleted": 2, "left": 0, "dry_run": True},
        {"queue": "default", "cancelled": 0, "deleted": 3, "left": 0, "dry_run": True},
    ]
    assert (refused.returncode, refused.stdout) == (1, "")
    assert record(done) == [{"queue": "slow", "cancelled": 2, "deleted": 2, "left": 0, "dry_run": False}]
    assert states(omniq) == ["succeeded", "failed", "failed"]


def test_pause_and_resume_answer_in_json_too(omniq, five):
    paused = omniq(*JOBS, "queues", "pause", "slow", "-o", "json")
    resumed = omniq(*JOBS, "queues", "resume", "slow", "-o", "jsonl")

    assert record(paused) == [{"queue": "slow", "paused": True}]
    assert record(resumed) == {"queue": "slow", "paused": False}
