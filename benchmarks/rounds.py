"""Runs contestants in turn and compares them by the median of the ratios of each round.

A round gives every contestant one run on the same machine in the same minute, in an order that rotates; the
ratio to the floor is taken inside a round. So a slow minute slows both sides, and only ratios are quoted.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

__all__ = ("Contestant", "Workload", "main")

Run = Callable[[Path, int], float]
"""Do the work once in an empty folder, `n` tasks; give operations a second (or seconds, where stated)."""


class Contestant:
    """One way of doing a workload."""

    def __init__(self, name: str, run: Run) -> None:
        self.name, self.run = name, run


class Workload:
    """The same work, done by several; the first is the floor, or ours where there is none."""

    def __init__(self, name: str, unit: str, n: int, *contestants: Contestant) -> None:
        self.name, self.unit, self.n, self.contestants = name, unit, n, contestants

    def measure(self, rounds: int, scale: float) -> list[str]:
        """Run all rounds; give the rows of the table."""
        n = max(int(self.n * scale), 10)
        figures: dict[str, list[float]] = {one.name: [] for one in self.contestants}
        for number in range(rounds):
            turn = number % len(self.contestants)
            for one in self.contestants[turn:] + self.contestants[:turn]:
                with tempfile.TemporaryDirectory(prefix="omniq-bench-") as folder:
                    figures[one.name].append(one.run(Path(folder), n))
                print(
                    f"{self.name}, round {number + 1}: {one.name} {figures[one.name][-1]:,.4g}",
                    file=sys.stderr,
                )
        floor = figures[self.contestants[0].name]
        return [self._row(name, values, floor, n) for name, values in figures.items()]

    def _row(self, name: str, values: list[float], floor: list[float], n: int) -> str:
        ratios = [value / base for value, base in zip(values, floor, strict=True)]
        middle, spread = statistics.median(values), f"{min(values):,.4g} to {max(values):,.4g}"
        return (
            f"| {self.name} (n={n:,}) | {name} | {middle:,.4g} {self.unit} | {spread} "
            f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
        )


def main(title: str, durability: str, workloads: Sequence[Workload], packages: Sequence[str]) -> None:
    """Measure what the command line asks for and print markdown on stdout."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of tasks")
    parser.add_argument("--only", help="workloads with this word in their name")
    options = parser.parse_args()
    print(f"# {title}\n\n{_machine(packages)}\n")
    print(f"Durability of all: {durability}. Rounds: {options.rounds}, interleaved.\n")
    print("| workload | who | median | spread | ratio to the first, median | its spread |")
    print("|---|---|---|---|---|---|")
    for workload in workloads:
        if options.only is None or options.only in workload.name:
            print("\n".join(workload.measure(options.rounds, options.scale)), flush=True)


def _machine(packages: Sequence[str]) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    ).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"Commit {commit or 'unknown'}; {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; {versions}."
    )
