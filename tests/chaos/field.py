"""The worker processes of a run, and the faults that come upon them and their store.

Faults come by progress, not by the clock, so a slow machine gets the same run. A killed worker is replaced. A freeze
waits for a moment in which it can hurt: one long body is about to end, so that its outcome goes out when the worker
wakes up, while another worker is in the middle of the same task.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from arenas import Server

from omniq.testing.history import Event, Kind

__all__ = ("Field", "Log", "Plan", "now")

HERE = Path(__file__).parent
RIPE = (20_000, 300_000)
"""µs that a long body still has to go when a freeze hurts most: it ends before its worker knows of a lost lease."""
PATIENCE = 3.0
"""Seconds that a freeze waits for a ripe body before it takes whoever is at work."""

_line = msgspec.json.Decoder(Event)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much, by how many, and what is done to them. Seconds, where nothing else is said."""

    tasks: int = 1000
    workers: int = 2
    kills: int = 5
    stops: int = 2
    outages: int = 1
    """How often the store is taken away and brought back."""
    zombies: int = 2
    """How many holders claim, fall silent and settle when others run their tasks."""
    lease: float = 1.0
    frozen_for: float = 2.5
    down_for: float = 2.0
    milliseconds: int = 30
    long_every: int = 100
    """Every so many tasks one takes `long_milliseconds`."""
    long_milliseconds: int = 2000
    concurrency: int = 5
    seed: int = 1

    def milliseconds_of(self, number: int) -> int:
        return self.long_milliseconds if number % self.long_every == 0 else self.milliseconds


class Log:
    """What the harness itself saw and did, in a file of the same form as the bodies'."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "harness.jsonl").open("ab", buffering=0)

    def write(self, kind: Kind, **facts: Any) -> None:
        self._file.write(msgspec.json.encode(Event(kind=kind, at=now(), **facts)) + b"\n")

    def close(self) -> None:
        self._file.close()


def now() -> int:
    """µs that all processes of this host share."""
    return time.monotonic_ns() // 1000


class Worker:
    """One process, and the bodies that it is in."""

    def __init__(self, folder: Path, plan: Plan, number: int) -> None:
        self._log = folder / f"worker-{number}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "omniq.cli", "worker", "chaos_app:oq", "--lease", f"{plan.lease}s",
                 "--concurrency", str(plan.concurrency)],
                cwd=HERE, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.pid = self.process.pid
        self.stopped = False
        self._plan = plan
        self._journal = folder / f"body-{self.pid}.jsonl"
        self._read = 0
        self._inside: dict[str, int] = {}

    @property
    def at_work(self) -> bool:
        """Alive, not frozen, and in a body: a fault on it means something."""
        return self.process.poll() is None and not self.stopped and bool(self._bodies())

    def is_ripe(self, long: set[str]) -> bool:
        """Whether one of these tasks is about to end here."""
        least, most = RIPE
        ends = (began + self._plan.long_milliseconds * 1000 for task, began in self._bodies().items() if task in long)
        return any(least <= end - now() <= most for end in ends)

    def tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def _bodies(self) -> dict[str, int]:
        """Give the tasks whose bodies began here and have not left, with their beginnings."""
        if self._journal.exists():
            with self._journal.open("rb") as journal:
                journal.seek(self._read)
                lines = journal.read()
            lines = lines[: lines.rfind(b"\n") + 1]
            self._read += len(lines)
            for line in lines.splitlines():
                event = _line.decode(line)
                if event.kind is Kind.STARTED:
                    self._inside[event.task] = event.at
                elif event.kind is Kind.LEFT:
                    self._inside.pop(event.task, None)
        return self._inside


class Field:
    """The processes, the store, and the log of what was done to them."""

    def __init__(self, folder: Path, plan: Plan, log: Log, server: Server, long: set[str]) -> None:
        self._folder, self._plan, self._log, self._server, self._long = folder, plan, log, server, long
        self._number = 0
        self._random = random.Random(plan.seed)
        self.workers = [self._start() for _ in range(plan.workers)]
        order = ["kill"] * plan.kills + ["stop"] * plan.stops + ["outage"] * plan.outages + ["zombie"] * plan.zombies
        self._random.shuffle(order)
        self._due = [(plan.tasks * (place + 1) // (len(order) + 2), what) for place, what in enumerate(order)]
        self._frozen: list[tuple[Worker, float]] = []
        self._down_since: float | None = None
        self._waits_since: float | None = None
        self.zombies = 0
        """How many are to be about by now; who drives the run raises them."""

    def step(self, done: int) -> None:
        """End what has lasted for long enough, and do the next fault if progress has come to it."""
        self._thaw(self._plan.frozen_for)
        if self._down_since is not None and time.monotonic() - self._down_since >= self._plan.down_for:
            self._bring_back()
        if self._due and done >= self._due[0][0] and self._do(self._due[0][1]):
            self._due.pop(0)
            self._waits_since = None

    def ended(self) -> bool:
        """Say whether everything is as before, now that no task is left; what is still due has nobody to hit."""
        self._due.clear()
        return not self._frozen and self._down_since is None

    def close(self) -> None:
        """Let everybody go on and end."""
        if self._down_since is not None:
            self._bring_back()
        self._thaw(0)
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def tails(self) -> str:
        return "\n".join(worker.tail() for worker in self.workers)

    def _do(self, what: str) -> bool:
        """Do one fault; False where its moment has not come."""
        if what == "zombie":
            self.zombies += 1
            return True
        if what == "outage":
            if self._down_since is not None or self._frozen:
                return False
            self._log.write(Kind.DOWN, process="store")
            self._server.kill()
            self._down_since = time.monotonic()
            return True
        at_work = [worker for worker in self.workers if worker.at_work]
        if what == "stop":
            if sum(not worker.stopped for worker in self.workers) < 2:
                return False  # somebody must be there to take over
            ripe = [worker for worker in at_work if worker.is_ripe(self._long)]
            self._waits_since = self._waits_since or time.monotonic()
            if ripe or time.monotonic() - self._waits_since < PATIENCE:
                at_work = ripe
        if not at_work:
            return False
        victim = self._random.choice(at_work)
        self._log.write(Kind.KILLED if what == "kill" else Kind.FROZEN, process=str(victim.pid))
        if what == "kill":
            victim.process.kill()
            victim.process.wait()
            self.workers[self.workers.index(victim)] = self._start()
        else:
            os.kill(victim.pid, signal.SIGSTOP)
            victim.stopped = True
            self._frozen.append((victim, time.monotonic()))
        return True

    def _thaw(self, after: float) -> None:
        for worker, since in list(self._frozen):
            if time.monotonic() - since >= after:
                os.kill(worker.pid, signal.SIGCONT)
                worker.stopped = False
                self._frozen.remove((worker, since))
                self._log.write(Kind.THAWED, process=str(worker.pid))

    def _bring_back(self) -> None:
        self._server.restart()
        self._down_since = None
        self._log.write(Kind.UP, process="store")

    def _start(self) -> Worker:
        self._number += 1
        return Worker(self._folder, self._plan, self._number)
