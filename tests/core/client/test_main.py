"""A function that only this process can find: what is said at its enqueue."""

import subprocess
import sys

import pytest

SCRIPT = """
from omniq import OmniQ

oq = OmniQ("URL")

@oq.task
def job() -> int:
    return 1

def plain() -> int:
    return 1

def main():
    job.enqueue()
    job.enqueue()
    oq.enqueue(plain)

main()
oq.close()
"""


def run(*argv, folder):
    done = subprocess.run([sys.executable, *argv], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    return done.stderr


def test_the_first_task_of_dash_c_in_a_store_of_others_is_warned_of_once(tmp_path):
    said = run("-c", SCRIPT.replace("URL", "sqlite:///jobs.db"), folder=tmp_path)

    assert said.count("RuntimeWarning") == 1
    assert "<string>:14: RuntimeWarning: task __main__:job is defined where no other process can import it" in said


@pytest.mark.parametrize("url", ["memory://", "sqlite:///jobs.db"])
def test_nothing_is_said_of_a_script_or_of_a_store_that_nobody_else_has(tmp_path, url):
    (tmp_path / "app.py").write_text(SCRIPT.replace("URL", url))

    assert run("app.py", folder=tmp_path) == ""
    assert run("-c", SCRIPT.replace("URL", "memory://"), folder=tmp_path) == ""
