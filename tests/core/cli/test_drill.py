"""The dead-letter drill: a bug fails a thousand tasks, it is fixed, one command runs them all, once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

COUNT = 1000
APP = """
from pathlib import Path
from omniq import OmniQ

oq = OmniQ("sqlite:///jobs.db")

@oq.task(retries=0)
def send(number):
    BODY

@oq.task(retries=0)
def other(number):
    raise RuntimeError("not ours")
"""
BROKEN = 'raise KeyError("the bug")'
FIXED = 'with Path("ran.txt").open("a") as ran: ran.write(f"{number}\\n")'
JOBS = ("-b", "sqlite:///jobs.db")


def counts(omniq) -> dict[str, int]:
    return json.loads(omniq(*JOBS, "queues", "list", "-o", "json").stdout)[0]


@pytest.mark.slow
def test_a_thousand_dead_letters_run_once_after_the_fix(omniq, python, tmp_path):
    app = Path("mail.py")
    app.write_text(APP.replace("BODY", BROKEN))
    python(f"import mail; mail.oq.enqueue_many([mail.send.bind(n) for n in range({COUNT})]); mail.other.enqueue(0)")
    work_until_idle()
    assert counts(omniq)["failed"] == COUNT + 1

    app.write_text(APP.replace("BODY", FIXED))
    worker = subprocess.Popen(  # up while they are requeued: what it ends at once must not be met again
        [sys.executable, "-m", "omniq.cli", "worker", "mail:oq"], stderr=subprocess.DEVNULL
    )
    try:
        done = omniq(*JOBS, "tasks", "requeue", "--state", "failed", "--name", "mail:send", "--yes", "-o", "json")
        work_until_idle()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=60)

    assert done.returncode == 0
    assert (json.loads(done.stdout)["matched"], json.loads(done.stdout)["requeued"]) == (COUNT, COUNT)
    assert Counter(map(int, Path("ran.txt").read_text().split())) == Counter(range(COUNT))
    assert (counts(omniq)["succeeded"], counts(omniq)["failed"]) == (COUNT, 1)


def work_until_idle() -> None:
    """Work as another process that has just read the code, and wait until nothing is due or runs."""
    code = "import mail; mail.oq.run_until_idle()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
