"""Runs workers, kills and freezes them at steps of the progress, and gathers what the judge needs.

    python tests/chaos/chaos_run.py --tasks 20000 --workers 4 --kills 50 --stops 20

Faults come by progress, not by the clock, so a slow machine gets the same run. A killed worker is replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from chaos_history import Ended, Fault, History, Run, Verdict, judge

__all__ = ("Plan", "main", "run")

HERE = Path(__file__).parent
FUSE = 90.0
"""Seconds without one more ended task after which the run is called stuck."""


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
        return self.process.poll() is None and not self.stopped and '"start"' in _text(self._bodies)

    def tail(self) -> str:
        return "\n".join(_text(self._log).splitlines()[-15:])


class _Field:
    """The processes, and the log of what was done to them."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan = folder, plan
        self._number = 0
        self._random = random.Random(plan.seed)
        self.faults: list[Fault] = []
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
                self.faults.append(Fault(what="stop", pid=worker.pid, since=since, until=time.monotonic()))
        at_work = [worker for worker in self.workers if worker.at_work]
        if self._due and done >= self._due[0][0] and at_work:
            what = self._due.pop(0)[1]
            victim = self._random.choice(at_work)
            if what == "kill":
                self.faults.append(Fault(what="kill", pid=victim.pid, since=now))
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


async def run(url: str, folder: Path, plan: Plan) -> History:
    """Do one run on the store at `url`; `folder` takes what the processes write."""
    os.environ |= {"OMNIQ_BACKEND": url, "CHAOS_FOLDER": str(folder), "CHAOS_LEASE": str(plan.lease)}
    from chaos_app import oq, work

    seen: list[Ended] = []
    async with oq:
        handles = await oq.enqueue_many([work.bind(number, plan.milliseconds) for number in range(plan.tasks)])
        accepted = [handle.id for handle in handles]
        field = _Field(folder, plan)
        try:
            await _until_all_ended(oq, field, plan)
            await _read(oq, accepted, seen)
        finally:
            field.close()  # a worker that drains may still write: read once more behind it
        await _read(oq, accepted, seen)
    runs, stalls = _bodies(folder)
    return History(accepted=accepted, runs=runs, faults=field.faults + stalls, seen=seen, lease=plan.lease)


async def _until_all_ended(oq: Any, field: _Field, plan: Plan) -> None:
    last, moved_at = -1, time.monotonic()
    while True:
        counts: Counter[str] = Counter()
        for stats in await oq.stats():
            counts.update({state.value: count for state, count in stats.counts.items() if state.terminal})
        done = counts.total()
        field.step(done)
        if done >= plan.tasks and field.quiet:
            return
        if done != last:
            last, moved_at = done, time.monotonic()
        elif time.monotonic() - moved_at > FUSE:
            raise RuntimeError(f"stuck at {done} of {plan.tasks}, {dict(counts)}; the workers say:\n{field.tails()}")
        await asyncio.sleep(0.02)


async def _read(oq: Any, ids: list[str], seen: list[Ended]) -> None:
    for id_ in ids:
        result = await oq.get_result(id_)
        if result is None or not result.state.terminal:
            continue
        pid, attempt = result.value if result.value is not None else (None, None)
        seen.append(
            Ended(
                task_id=id_,
                state=result.state.value,
                attempt=result.attempt,
                finished_at=str(result.finished_at),
                by_pid=pid,
                by_attempt=attempt,
            )
        )


def _bodies(folder: Path) -> tuple[list[Run], list[Fault]]:
    open_runs: dict[tuple[int, str, int, int], Run] = {}
    stalls = []
    for path in sorted(folder.glob("body-*.jsonl")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry["op"] == "stall":
                stalls.append(Fault(what="stall", pid=entry["pid"], since=entry["since"], until=entry["at"]))
                continue
            key = (entry["pid"], entry["id"], entry["attempt"], entry["claim"])
            if entry["op"] == "start":
                open_runs[key] = Run(task_id=key[1], attempt=key[2], claim=key[3], pid=key[0], started_at=entry["at"])
            else:
                open_runs[key] = msgspec.structs.replace(open_runs[key], ended_at=entry["at"])
    return list(open_runs.values()), stalls


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
        history = asyncio.run(run(backend or f"sqlite:///{name}/chaos.db", Path(name), plan))
        verdict: Verdict = judge(history)
    print(f"{plan}\n{verdict}\n{time.monotonic() - began:.1f} s, {len(history.runs)} starts")
    sys.exit(0 if verdict.right else 1)


if __name__ == "__main__":
    main()
