"""Runs workers, kills and freezes them at steps of the progress, and gathers what the judge needs.

    python tests/chaos/chaos_run.py --tasks 20000 --workers 4 --kills 50 --stops 20

Faults come by progress, not by the clock, so a slow machine gets the same run. A killed worker is replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from omniq.testing.history import Event, Kind, Violation, judge, read

__all__ = ("Outcome", "Plan", "main", "run")

HERE = Path(__file__).parent
FUSE = 90.0
"""Seconds without one more ended task after which the run is called stuck."""
LOOK_EVERY = 0.5
"""Seconds between two readings of what has ended."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much, by how many, and what is done to them. Seconds."""

    tasks: int = 1000
    workers: int = 2
    kills: int = 5
    stops: int = 2
    lease: float = 1.0
    frozen_for: float = 2.5
    milliseconds: int = 30
    concurrency: int = 5
    seed: int = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge found, and how much there was to find. `starts` beyond `tasks` are second ones."""

    violations: list[Violation]
    stale_values: list[str]
    states: dict[str, int]
    faults: dict[str, int]
    tasks: int
    starts: int

    @property
    def right(self) -> bool:
        return not self.violations and not self.stale_values and self.states == {"succeeded": self.tasks}


class _Log:
    """What the harness itself saw and did, in a file of the same form as the bodies'."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "harness.jsonl").open("ab", buffering=0)

    def write(self, kind: Kind, **facts: Any) -> None:
        event = Event(kind=kind, at=time.monotonic_ns() // 1000, **facts)
        self._file.write(msgspec.json.encode(event) + b"\n")

    def close(self) -> None:
        self._file.close()


class _Worker:
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
        self._bodies = folder / f"body-{self.pid}.jsonl"

    @property
    def at_work(self) -> bool:
        """Alive, not frozen, and has begun a body: a fault on it means something."""
        return self.process.poll() is None and not self.stopped and "started" in _text(self._bodies)

    def tail(self) -> str:
        return "\n".join(_text(self._log).splitlines()[-15:])


class _Field:
    """The processes, and the log of what was done to them."""

    def __init__(self, folder: Path, plan: Plan, log: _Log) -> None:
        self._folder, self._plan, self._log = folder, plan, log
        self._number = 0
        self._random = random.Random(plan.seed)
        self.workers = [self._start() for _ in range(plan.workers)]
        order = ["kill"] * plan.kills + ["stop"] * plan.stops
        self._random.shuffle(order)
        self._due = [(plan.tasks * (place + 1) // (len(order) + 2), what) for place, what in enumerate(order)]
        self._frozen: list[tuple[_Worker, float]] = []

    def step(self, done: int) -> None:
        """Thaw what was frozen for long enough, and do the next fault if progress has come to it."""
        now = time.monotonic()
        for worker, since in list(self._frozen):
            if now - since >= self._plan.frozen_for:
                worker.process.send_signal(signal.SIGCONT)
                worker.stopped = False
                self._frozen.remove((worker, since))
                self._log.write(Kind.THAWED, process=str(worker.pid))
        at_work = [worker for worker in self.workers if worker.at_work]
        if self._due and done >= self._due[0][0] and at_work:
            what = self._due.pop(0)[1]
            victim = self._random.choice(at_work)
            self._log.write(Kind.KILLED if what == "kill" else Kind.FROZEN, process=str(victim.pid))
            if what == "kill":
                victim.process.kill()
                victim.process.wait()
                self.workers[self.workers.index(victim)] = self._start()
            else:
                victim.process.send_signal(signal.SIGSTOP)
                victim.stopped = True
                self._frozen.append((victim, now))

    @property
    def quiet(self) -> bool:
        return not self._due and not self._frozen

    def close(self) -> None:
        for worker in self.workers:
            worker.process.send_signal(signal.SIGCONT)
            worker.process.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def tails(self) -> str:
        return "\n".join(worker.tail() for worker in self.workers)

    def _start(self) -> _Worker:
        self._number += 1
        return _Worker(self._folder, self._plan, self._number)


async def run(url: str, folder: Path, plan: Plan) -> Outcome:
    """Do one run on the store at `url`; `folder` takes what the processes write."""
    os.environ |= {"OMNIQ_BACKEND": url, "CHAOS_FOLDER": str(folder), "CHAOS_LEASE": str(plan.lease)}
    from chaos_app import oq, work

    log = _Log(folder)
    async with oq:
        handles = await oq.enqueue_many([work.bind(number, plan.milliseconds) for number in range(plan.tasks)])
        ids = [handle.id for handle in handles]
        for id_ in ids:
            log.write(Kind.ACCEPTED, task=id_)
        field = _Field(folder, plan, log)
        try:
            await _until_all_ended(oq, field, plan, ids, log)
        finally:
            field.close()
        # A worker that drains may still write, so every record is read once more: another ending is a second.
        await _read(oq, ids, log)
        stale, states = await _values(oq, ids)
    log.close()
    events = list(read(sorted(folder.glob("*.jsonl"))))  # noqa: ASYNC240 - the work is over
    return Outcome(
        violations=judge(events, lease=round(plan.lease * 1_000_000)),
        stale_values=stale,
        states=states,
        faults=Counter(event.kind.value for event in events if not event.task),
        tasks=plan.tasks,
        starts=sum(event.kind is Kind.STARTED for event in events),
    )


async def _until_all_ended(oq: Any, field: _Field, plan: Plan, ids: list[str], log: _Log) -> None:
    last, moved_at, looked_at = -1, time.monotonic(), 0.0
    unread = set(ids)
    while True:
        counts: Counter[str] = Counter()
        for stats in await oq.stats():
            counts.update({state.value: count for state, count in stats.counts.items() if state.terminal})
        done = counts.total()
        field.step(done)
        now = time.monotonic()
        if now - looked_at > LOOK_EVERY:
            looked_at = now
            unread -= await _read(oq, unread, log)
        if done >= plan.tasks and field.quiet:
            return
        if done != last:
            last, moved_at = done, now
        elif now - moved_at > FUSE:
            raise RuntimeError(f"stuck at {done} of {plan.tasks}, {dict(counts)}; the workers say:\n{field.tails()}")
        await asyncio.sleep(0.02)


async def _read(oq: Any, ids: Iterable[str], log: _Log) -> set[str]:
    """Write down which of these have ended, under which fence; give them."""
    records = await oq.queue.store.get(list(ids))
    ended = [record for record in records if record is not None and record.state.terminal]
    for record in ended:
        log.write(
            Kind.FINISHED,
            task=record.id,
            attempt=record.attempt,
            claim_id=record.claim_id,
            state=record.state.value,
        )
    return {record.id for record in ended}


async def _values(oq: Any, ids: list[str]) -> tuple[list[str], dict[str, int]]:
    """Give the tasks whose value is not that of the attempt that the record names, and a count by state."""
    stale, states = [], Counter[str]()
    for id_ in ids:
        ended = await oq.get_result(id_)
        states["missing" if ended is None else ended.state.value] += 1
        if ended is not None and ended.value is not None and ended.value[1] != ended.attempt:
            stale.append(id_)
    return stale, dict(states)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def main() -> None:
    """Run one plan from the command line and print its verdict; exit 1 if it is not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", help="default: a new SQLite file")
    for field in msgspec.structs.fields(Plan):
        parser.add_argument(f"--{field.name}", type=field.type, default=field.default)
    options = vars(parser.parse_args())
    backend = options.pop("backend")
    plan = Plan(**options)
    with tempfile.TemporaryDirectory(prefix="omniq-chaos-") as name:
        began = time.monotonic()
        outcome = asyncio.run(run(backend or f"sqlite:///{name}/chaos.db", Path(name), plan))
    print(f"{plan}\n{outcome}\n{time.monotonic() - began:.1f} s; {'right' if outcome.right else 'NOT RIGHT'}")
    sys.exit(0 if outcome.right else 1)


if __name__ == "__main__":
    main()
