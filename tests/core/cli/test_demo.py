"""The main job, whole: real files, worker processes, one killed, totals checked against a plain loop."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import msgspec
import pytest

from omniq.cli.demo import Report

STDLIB = Path(sysconfig.get_paths()["stdlib"])


@pytest.mark.slow
def test_the_demo_ends_with_the_totals_of_the_plain_loop(omniq, monkeypatch):
    monkeypatch.setenv("OMNIQ_TASK_QUEUE_URL", "sqlite:///mine.db")  # it works on a file of its own

    done = omniq("demo", str(STDLIB / "asyncio"), "-o", "json")

    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["counted"] == report["expected"]
    assert report["files"] == report["counted"]["files"] == len(list((STDLIB / "asyncio").rglob("*.py")))
    assert (report["lost"], report["twice"]) == (0, 0)
    assert not Path("mine.db").exists()


@pytest.mark.slow
def test_keep_leaves_the_database_where_it_says(omniq, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.py").write_text("import os\n\ndef f():\n    pass\n")
    (source / "broken.py").write_text("def (\n")

    done = omniq("demo", str(source), "--keep", "--workers", "1", "-o", "json")

    place = Path(done.stderr.partition("kept ")[2].partition(";")[0])
    counted = {"files": 2, "lines": 5, "functions": 1, "imports": 1, "unread": 1}
    assert json.loads(done.stdout)["counted"] == counted
    assert (place / "demo.db").exists()


def test_a_folder_without_python_files_is_refused(omniq, tmp_path):
    (tmp_path / "empty").mkdir()

    done = omniq("demo", str(tmp_path / "empty"))

    assert done.returncode == 2
    assert "holds no .py file" in done.stderr


RIGHT = Report(
    files=1, counted={"lines": 2}, expected={"lines": 2}, lost=0, twice=0, killed=True, recovered=1,
    seconds=1.0, tasks_per_second=1.0, plain_loop_seconds=1.0,
)  # fmt: skip


@pytest.mark.parametrize("wrong", [{"lost": 1}, {"twice": 1}, {"counted": {"lines": 3}}], ids=str)
def test_a_report_with_anything_wrong_is_not_right(wrong):
    assert RIGHT.right
    assert not msgspec.structs.replace(RIGHT, **wrong).right
