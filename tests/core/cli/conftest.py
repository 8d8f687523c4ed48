from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

APP = """
import asyncio
from omniq import OmniQ

oq = OmniQ("sqlite:///jobs.db")

@oq.task
def add(a, b):
    return a + b

@oq.task(retries=0)
def fail(word):
    raise ValueError("refused")

@oq.task(queue="slow")
async def nap(seconds):
    print("napping", flush=True)
    await asyncio.sleep(seconds)

@oq.task(timeout="50ms", retries=0)
def deaf():
    import time
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """A fresh folder with an app in it, and no setting of the person who runs the tests."""
    import os

    for name in [name for name in os.environ if name.startswith("OMNIQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(APP)


@pytest.fixture
def omniq() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command as a person does; a timeout is a fuse."""

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "omniq.cli", *argv], capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
def python() -> Callable[[str], str]:
    """Run lines of a user's program in the folder."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    return run
