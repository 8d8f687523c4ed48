"""Looking and acting on a backend from its URL alone."""

from __future__ import annotations

import json

import pytest

JOBS = ("-b", "sqlite:///jobs.db")


@pytest.fixture
def three(python):
    """One done, one failed, one delayed by an hour; their ids."""
    text = python(
        "import shop\n"
        "done, failed = shop.add.enqueue(2, 3), shop.fail.enqueue('hush')\n"
        "shop.oq.run_until_idle()\n"
        "print(done.id, failed.id, shop.add.options(delay='1h').enqueue(1, 1).id)"
    )
    return text.split()


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_tasks_are_listed_newest_first_without_the_app(omniq, three, tmp_path):
    (tmp_path / "shop.py").unlink()

    listed = omniq(*JOBS, "tasks", "list", "-o", "jsonl")

    assert [row["id"] for row in lines(listed)] == three[::-1]
    assert [row["state"] for row in lines(listed)] == ["ready", "failed", "succeeded"]


def test_the_first_line_on_stderr_names_what_was_chosen(omniq, three, tmp_path):
    listed = omniq(*JOBS, "tasks", "list")

    assert listed.stderr.splitlines()[0] == f"omniq: sqlite {tmp_path}/jobs.db, project default (from -b)"
    assert three[0] in listed.stdout


def test_options_are_taken_before_and_after_the_verb_and_the_later_wins(omniq, three):
    listed = omniq("-o", "json", "-b", "sqlite:///other.db", "tasks", "list", "-o", "jsonl", *JOBS)

    assert len(lines(listed)) == 3


def test_a_filter_and_a_limit_cut_the_list_and_the_place_goes_on_behind_it(omniq, three):
    first = omniq(*JOBS, "tasks", "list", "--name", "shop:add", "--limit", "1", "-o", "jsonl")
    place = first.stderr.strip().rpartition("--after ")[2]

    rest = omniq(*JOBS, "tasks", "list", "--name", "shop:add", "--after", place, "-o", "jsonl")

    assert [row["id"] for row in lines(first) + lines(rest)] == [three[2], three[0]]


def test_a_place_that_is_none_is_a_wrong_option(omniq, three):
    listed = omniq(*JOBS, "tasks", "list", "--after", "nowhere")

    assert listed.returncode == 2
    assert "'nowhere' is no place in this list" in listed.stderr


def test_a_failed_task_is_shown_with_its_traceback_and_without_its_arguments(omniq, three):
    shown = omniq(*JOBS, "tasks", "show", three[1])

    assert "ValueError: refused" in shown.stdout
    assert "hush" not in shown.stdout + shown.stderr


def test_arguments_are_shown_as_data_when_asked_for(omniq, three, tmp_path):
    (tmp_path / "shop.py").unlink()

    shown = lines(omniq(*JOBS, "tasks", "show", three[0], "--show-args", "-o", "jsonl"))[0]

    assert (shown["arguments"], shown["result"]) == ([[2, 3], {}], 5)


def test_an_unknown_task_exits_3(omniq, three):
    shown = omniq(*JOBS, "tasks", "show", "nope")

    assert shown.returncode == 3
    assert "nope" in shown.stderr


def test_cancel_answers_each_id_and_exits_3_when_one_is_missing(omniq, three):
    answered = omniq(*JOBS, "tasks", "cancel", three[2], three[0], "nope", "-o", "jsonl")

    assert [row["answer"] for row in lines(answered)] == ["cancelled", "finished", "missing"]
    assert answered.returncode == 3


def test_a_paused_queue_says_so_until_it_is_resumed(omniq, three):
    omniq(*JOBS, "queues", "pause", "default")
    paused = lines(omniq(*JOBS, "queues", "list", "-o", "jsonl"))
    omniq(*JOBS, "queues", "resume", "default")
    resumed = lines(omniq(*JOBS, "queues", "list", "-o", "jsonl"))

    assert [row["paused"] for row in paused + resumed] == [True, False]
    assert (paused[0]["succeeded"], paused[0]["failed"], paused[0]["ready"]) == (1, 1, 1)


def test_a_file_that_is_not_there_exits_69_and_is_not_made(omniq, tmp_path):
    listed = omniq("-b", "sqlite:///slip.db", "queues", "list")

    assert listed.returncode == 69
    assert f"{tmp_path}/slip.db does not exist" in listed.stderr
    assert not (tmp_path / "slip.db").exists()


def test_an_unknown_backend_exits_2_and_hides_the_password(omniq):
    listed = omniq("-b", "nosuch://me:geheim@host/1", "queues", "list")

    assert listed.returncode == 2
    assert "nosuch" in listed.stderr
    assert "geheim" not in listed.stderr


def test_an_app_gives_its_backend_and_so_does_its_variable(omniq, three, monkeypatch):
    by_option = omniq("-a", "shop:oq", "tasks", "list", "-o", "jsonl")
    monkeypatch.setenv("OMNIQ_APP", "shop:oq")
    by_variable = omniq("tasks", "list", "-o", "jsonl")

    assert by_option.stdout == by_variable.stdout
    assert len(lines(by_option)) == 3


def test_an_age_is_a_column_of_its_own_and_the_time_stays_in_json(omniq, three):
    shown = omniq(*JOBS, "tasks", "list").stdout.splitlines()[0].split()
    row = lines(omniq(*JOBS, "tasks", "list", "-o", "jsonl"))[0]

    assert shown[-1] == "age"
    assert "T" in row["created_at"]


def test_the_wait_of_the_oldest_task_has_a_unit_in_its_name(omniq, python):
    python("import shop; shop.add.enqueue(1, 1)")

    row = lines(omniq(*JOBS, "queues", "list", "-o", "jsonl"))[0]

    assert 0 <= row["oldest_ready_seconds"] < 60
    assert "oldest_ready" not in row
    assert "oldest_ready" in omniq(*JOBS, "queues", "list").stdout


@pytest.mark.parametrize(("verb", "place", "answer"), [("cancel", 0, "finished"), ("requeue", 2, "live")])
def test_what_the_state_of_a_task_forbids_exits_1(omniq, three, verb, place, answer):
    done = omniq(*JOBS, "tasks", verb, three[place], "--yes")

    assert answer in done.stdout
    assert done.returncode == 1
