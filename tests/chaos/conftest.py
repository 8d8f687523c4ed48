"""Gives tests a run of chaos, in a process of its own: it sets variables, and may have a fault planted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture
def chaos(tmp_path):
    """Run one plan; give the whole report."""

    def run(arena="sqlite", *, plant="", **plan):
        options = [part for name, value in plan.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        done = subprocess.run(
            [sys.executable, HERE / "chaos_run.py", "--arena", arena, "--proof", tmp_path, *options],
            env={**os.environ, "CHAOS_PLANT": plant},
            capture_output=True,
            text=True,
            check=False,
        )
        report = tmp_path / f"chaos-{arena}.json"
        assert report.exists(), done.stdout + done.stderr
        return msgspec.json.decode(report.read_bytes())

    return run
