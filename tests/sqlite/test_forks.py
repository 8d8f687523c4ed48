"""A handle that is open while its process forks goes on in both, each with a connection of its own."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from omniq.errors import ForkedStore
from omniq.testing.kit.words import FUSE
from omniq_sqlite import forks

SCRIPT = Path(__file__).with_name("forking.py")


def tell(story, path):
    done = subprocess.run([sys.executable, SCRIPT, story, path], capture_output=True, text=True, timeout=2 * FUSE)
    assert (done.returncode, done.stderr) == (0, "")


def counts(path):
    with sqlite3.connect(path) as reader:
        assert reader.execute("pragma integrity_check").fetchone() == ("ok",)
        found = dict(reader.execute("select q.name, count(*) from task, queue q where q.id = lane / 10 group by 1"))
    reader.close()
    return found


def test_parent_and_child_both_write_by_one_handle(path):
    tell("both_write", path)

    assert counts(path) == {"before": 50, "child": 100, "parent": 100}


def test_a_child_keeps_its_log_when_parent_and_others_close_the_file(path):
    tell("parent_leaves", path)

    assert counts(path) == {"parent": 1, "child": 2, "third": 1}


def test_a_fork_never_falls_into_a_transaction(path):
    tell("under_way", path)

    found = counts(path)
    assert found["child"] == 20
    assert found["parent"] % 20 == 0


def test_a_child_may_run_a_loop_by_an_inherited_handle(path):
    tell("on_a_loop", path)

    assert counts(path) == {"parent": 1, "child": 1}


async def test_a_child_that_came_too_late_is_told_to_open_anew(make, path, monkeypatch):
    monkeypatch.setattr(forks, "_torn", {str(path)})

    with pytest.raises(ForkedStore, match="after the fork"):
        await make().open()
