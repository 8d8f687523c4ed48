"""The configuration file as a command sees it."""

from __future__ import annotations

import json

import pytest


def shown(done):
    return {row["name"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}


def test_every_setting_is_shown_with_its_origin_and_without_its_password(omniq, tmp_path, monkeypatch):
    (tmp_path / "omniq.yaml").write_text("backend: nosuch://me:geheim@host/1\nworker: {lease: 30s}\n")
    monkeypatch.setenv("OMNIQ_RETRY_ATTEMPTS", "7")

    done = omniq("config", "show", "-o", "json", "-p", "shop")
    rows = shown(done)

    assert rows["TASKS"] == ("nosuch://me:***@host/1", f"{tmp_path}/omniq.yaml backend")
    assert rows["WORKER__LEASE"] == ("30 s", f"{tmp_path}/omniq.yaml worker.lease")
    assert rows["RETRY_ATTEMPTS"] == (7, "environment OMNIQ_RETRY_ATTEMPTS")
    assert rows["PROJECT_NAME"] == ("shop", "argument")
    assert "geheim" not in done.stdout + done.stderr


def test_a_file_named_by_the_option_stands_before_the_one_of_the_folder(omniq, tmp_path):
    (tmp_path / "omniq.yaml").write_text("project_name: here\n")
    (tmp_path / "other.yaml").write_text("project_name: other\n")

    assert shown(omniq("config", "show", "-o", "json"))["PROJECT_NAME"][0] == "here"
    assert shown(omniq("-c", "other.yaml", "config", "show", "-o", "json"))["PROJECT_NAME"][0] == "other"
    assert (
        shown(omniq("config", "show", "-o", "json", "-c", "other.yaml", "-a", "shop:oq"))["PROJECT_NAME"][0] == "other"
    )


def test_the_backend_of_the_file_is_used_and_named(omniq, python, tmp_path):
    python("import shop; shop.add.enqueue(1, 2)")
    (tmp_path / "omniq.yaml").write_text("backend: {type: sqlite, path: jobs.db}\n")

    done = omniq("tasks", "list", "-o", "json")

    assert len(json.loads(done.stdout)) == 1
    assert done.stderr.splitlines()[0] == (
        f"omniq: sqlite {tmp_path}/jobs.db, project default (from {tmp_path}/omniq.yaml backend)"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("workers: {}\n", "workers in {here}/omniq.yaml is no setting of this version; did you mean 'worker'?"),
        ("worker: {type: thred}\n", "worker.type in {here}/omniq.yaml: no worker kind 'thred'"),
        ("backend: [\n", "{here}/omniq.yaml, line 2: "),
        ("backend: {type: sqlite, path: a.db, synchronus: FULL}\n", "did you mean 'synchronous'?"),
    ],
)
def test_a_wrong_file_exits_2_with_one_line(omniq, tmp_path, text, why):
    (tmp_path / "omniq.yaml").write_text(text)

    done = omniq("queues", "list")

    assert done.returncode == 2
    assert why.format(here=tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_logs_as_the_file_says(tmp_path, python, omniq):
    (tmp_path / "omniq.yaml").write_text("logging: {format: json, level: WARNING}\nworker: {concurrency: 1}\n")
    python("import shop; shop.deaf.enqueue()")

    done = omniq("worker", "shop:oq")  # ends by itself: its only slot is stuck

    assert done.returncode == 75
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["level"], line["logger"]) for line in lines] == [("ERROR", "omniq.worker")]
    assert lines[0]["message"].startswith("all 1 slots are taken")
