"""A worker as a process: greeting, signals, exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest


@pytest.fixture
def worker():
    """Start `omniq worker`, and give the process with a way to read its stderr up to a word."""
    started = []

    def start(*argv: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "omniq.cli", "worker", *argv],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def until(process, word):
    """Read lines up to one with this word; an end of the output is a failure, not a wait."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if word in line:
            return "".join(seen)
    raise AssertionError(f"no {word!r} in:\n{''.join(seen)}")


def test_the_banner_names_app_backend_queues_tasks_and_kind(worker, tmp_path):
    process = worker("shop:oq", "--concurrency", "3", "--queues", "slow, default")

    text = until(process, "  worker   ")

    assert f"{tmp_path}/jobs.db" in text
    assert "slow, default" in text
    assert "4 known: shop:add, shop:deaf, shop:fail, shop:nap" in text
    assert "3 at once, kind async, lease 15 s" in text


@pytest.mark.parametrize(("lease", "shown"), [("30", "30 s"), ("1.5", "1.5 s"), ("2m", "2 min")])
def test_a_plain_number_is_a_lease_in_seconds_as_in_the_environment(worker, lease, shown):
    process = worker("shop:oq", "--lease", lease)

    assert f"lease {shown}" in until(process, "  worker   ")


def test_a_task_is_logged_at_start_and_end_and_sigterm_drains_with_0(worker, python):
    task = python("import shop; print(shop.add.enqueue(20, 22).id)")
    process = worker("shop:oq")

    text = until(process, "succeeded")
    process.send_signal(signal.SIGTERM)

    assert f"shop:add {task} attempt 1" in text
    assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_lets_go_of_what_runs_without_burning_a_retry(worker, python, first, code):
    task = python("import shop; print(shop.nap.enqueue(600).id)")
    process = worker("shop:oq")
    until(process, "napping")

    process.send_signal(first)
    until(process, "Once more")
    process.send_signal(first)

    assert process.wait(timeout=20) == code
    record = python(f"import shop; t = shop.oq.get_task({task!r}); print(t.state, t.releases, t.failures)")
    assert record == "ready 1 0"


@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_end_of_the_grace_lets_go_of_what_runs_and_is_told_too(worker, python, monkeypatch, first, code):
    monkeypatch.setenv("OMNIQ_WORKER__SHUTDOWN_GRACE", "0.1")
    task = python("import shop; print(shop.nap.enqueue(600).id)")
    process = worker("shop:oq")
    until(process, "napping")

    process.send_signal(first)

    assert process.wait(timeout=20) == code
    assert python(f"import shop; t = shop.oq.get_task({task!r}); print(t.state, t.releases)") == "ready 1"


def test_a_worker_whose_slots_are_all_stuck_exits_75(worker, python):
    python("import shop; shop.deaf.enqueue()")

    process = worker("shop:oq", "--concurrency", "1")

    assert process.wait(timeout=30) == 75


@pytest.mark.parametrize(
    ("argv", "code", "word"),
    [
        ((), 2, "name the app to work for"),
        (("shop",), 2, "names no app"),
        (("absent:oq",), 2, "no module 'absent'"),
        (("shop:nope",), 2, "apps there: shop:oq"),
        (("shop:oq", "-b", "sqlite:///other.db"), 2, "remove one of the two"),
        (("shop:oq", "--kind", "rocket"), 2, "rocket"),
        (("shop:oq", "--lease", "soon"), 2, "no duration"),
    ],
    ids=["no app", "no colon", "no module", "no attribute", "two backends", "no kind", "no duration"],
)
def test_what_is_wrong_is_named_and_exits_2(omniq, argv, code, word):
    done = omniq("worker", *argv)

    assert done.returncode == code
    assert word in done.stderr


def test_a_worker_to_which_nobody_listens_any_more_still_obeys(worker, python):
    process = worker("shop:oq")
    until(process, "  worker   ")
    process.stdout.close()

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=20) == 0


def test_an_empty_list_of_queues_is_refused_not_read_as_all(omniq):
    done = omniq("worker", "shop:oq", "--queues", "")

    assert done.returncode == 2
    assert "queues" in done.stderr
