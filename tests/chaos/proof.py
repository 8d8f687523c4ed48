"""The report of a run: a page to read and the same as JSON, each with commit, machine and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

__all__ = ("write_proof",)

ROOT = Path(__file__).parents[2]
SHOWN = 20
"""Broken promises that the page shows; the JSON has all."""


def write_proof(name: str, software: str, plan: Any, outcome: Any, seconds: float, folder: Path | None) -> str:
    """Give the page; write it as `chaos-NAME.txt` with `chaos-NAME.json` where a folder is given."""
    facts = {
        "verdict": "right" if outcome.right else "NOT RIGHT",
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": machine(),
        "versions": f"omniq {version('omniq-core')}, Python {platform.python_version()}, {software}",
    }
    page = _page(name, facts, plan, outcome)
    if folder is not None:
        folder.mkdir(exist_ok=True)
        (folder / f"chaos-{name}.txt").write_text(page)
        whole = {**facts, "plan": msgspec.to_builtins(plan), "outcome": msgspec.to_builtins(outcome)}
        (folder / f"chaos-{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
    return page


def commit() -> str:
    """Name the commit of the checkout, and whether it was changed since."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def _page(name: str, facts: dict[str, Any], plan: Any, outcome: Any) -> str:
    again = outcome.starts - outcome.tasks
    rows = [
        ("verdict", facts["verdict"]),
        ("tasks accepted", outcome.tasks),
        ("ended", ", ".join(f"{count} {state}" for state, count in sorted(outcome.states.items()))),
        ("lost", sum(one.what == "accepted and never finished" for one in outcome.violations)),
        ("finished twice", sum(one.what == "finished twice" for one in outcome.violations)),
        ("values of a superseded attempt", len(outcome.stale_values)),
        ("outcomes taken from who had lost the task", len(outcome.unfenced)),
        ("all broken promises", len(outcome.violations)),
        ("second starts", again),
        *((f"  because {cause}", count) for cause, count in sorted(outcome.repeats.items())),
        ("faults", ", ".join(f"{count} {what}" for what, count in sorted(outcome.faults.items()))),
    ]
    width = max(len(label) for label, _ in rows) + 2
    lines = [
        f"Chaos on {name}: {facts['verdict']} in {facts['seconds']} s",
        "",
        *(f"{label:{width}}{value}" for label, value in rows),
        "",
        *(f"{one.task}  {one.what}: {one.text}" for one in outcome.violations[:SHOWN]),
        f"Plan: {', '.join(f'{key}={value}' for key, value in msgspec.to_builtins(plan).items())}",
        f"Commit {facts['commit']}, {facts['date']}; {facts['machine']}; {facts['versions']}.",
    ]
    return "\n".join(lines) + "\n"
