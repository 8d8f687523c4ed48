"""Runs workers, kills and freezes them, takes their store away, and judges what they wrote down.

    python tests/chaos/chaos_run.py --tasks 2000 --kills 10
    python tests/chaos/chaos_run.py --large --proof proof

Half of the tasks are there before the first worker; the rest is enqueued while the faults come.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from arenas import ARENAS, Arena
from field import Field, Log, Plan
from proof import write_proof
from zombie import haunt

from omniq.errors import StoreUnavailable
from omniq.models.states import Reason
from omniq.testing.history import Kind, Violation, read, review

__all__ = ("Outcome", "Plan", "main", "run")

FUSE = 90.0
"""Seconds without one more ended task after which the run is called stuck."""
LOOK_EVERY = 0.5
"""Seconds between two readings of what has ended."""
THREE_CRASHES = "failed after three crashes"
"""The state of a task that was hit in three attempts: what the engine promises to do with it."""
BATCH = 50
"""Tasks of one enqueue during the run."""

LARGE = Plan(tasks=20_000, workers=4, kills=50, stops=20, outages=4, zombies=20)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge found, and how much there was to find. `starts` beyond `tasks` are second ones."""

    violations: list[Violation]
    stale_values: list[str]
    """Tasks whose value is not that of the attempt which their record names."""
    unfenced: list[str]
    """Tasks for which the store believed a holder that had lost them."""
    states: dict[str, int]
    faults: dict[str, int]
    repeats: dict[str, int]
    """Second starts by what explains them."""
    tasks: int
    starts: int

    @property
    def right(self) -> bool:
        good = self.states.get("succeeded", 0) + self.states.get(THREE_CRASHES, 0)
        return not (self.violations or self.stale_values or self.unfenced) and good == self.tasks


async def run(arena: Arena, folder: Path, plan: Plan) -> Outcome:
    """Do one run in this arena; `folder` takes what the processes write."""
    os.environ |= {"OMNIQ_BACKEND": arena.url, "CHAOS_FOLDER": str(folder), "CHAOS_LEASE": str(plan.lease)}
    from chaos_app import oq

    log = Log(folder)
    async with oq:
        producer = _Producer(plan, log)
        await producer.send(plan.tasks // 2)
        field = Field(folder, plan, log, arena.server, producer.long)
        try:
            unfenced = await _until_all_ended(oq, field, plan, producer, log)
        finally:
            field.close()
        # A worker that drains may still write, so every record is read once more: another ending is a second.
        await _read(oq, producer.ids, log)
        stale, states = await _values(oq, producer.ids)
    log.close()
    events = list(read(sorted(folder.glob("*.jsonl"))))  # noqa: ASYNC240 - the work is over
    judged = review(events, lease=round(plan.lease * 1_000_000))
    return Outcome(
        violations=judged.violations,
        stale_values=stale,
        unfenced=unfenced,
        states=states,
        faults=Counter(event.kind.value for event in events if not event.task),
        repeats={cause.value: count for cause, count in judged.repeats.items()},
        tasks=plan.tasks,
        starts=sum(event.kind is Kind.STARTED for event in events),
    )


class _Producer:
    """Enqueues, and writes down what was accepted."""

    def __init__(self, plan: Plan, log: Log) -> None:
        self._plan, self._log = plan, log
        self.ids: list[str] = []
        self.long: set[str] = set()

    async def send(self, count: int) -> None:
        from chaos_app import oq, work

        numbers = range(len(self.ids), min(len(self.ids) + count, self._plan.tasks))
        calls = [work.bind(number, self._plan.milliseconds_of(number)) for number in numbers]
        for number, handle in zip(numbers, await oq.enqueue_many(calls), strict=True):
            self._log.write(Kind.ACCEPTED, task=handle.id)
            self.ids.append(handle.id)
            if number % self._plan.long_every == 0:
                self.long.add(handle.id)

    async def send_the_rest(self) -> None:
        while len(self.ids) < self._plan.tasks:
            await self.send(BATCH)
            await asyncio.sleep(0.01)


async def _until_all_ended(oq: Any, field: Field, plan: Plan, producer: _Producer, log: Log) -> list[str]:
    """Drive the field until nothing is left to do; give the tasks for which a zombie was believed."""
    sending = asyncio.create_task(producer.send_the_rest())
    zombies: list[asyncio.Task[list[str]]] = []
    try:
        last, moved_at, looked_at = -1, time.monotonic(), 0.0
        seen: set[str] = set()
        while True:
            done = await _count_ended(oq, last)
            field.step(done)
            while len(zombies) < field.zombies:
                zombies.append(asyncio.create_task(haunt(oq.queue.store, log, f"zombie-{len(zombies)}")))
            now = time.monotonic()
            if now - looked_at > LOOK_EVERY:
                looked_at = now
                seen |= await _read(oq, [id_ for id_ in producer.ids if id_ not in seen], log)
            if done >= plan.tasks and field.ended():
                return [task for zombie in zombies for task in await zombie]
            if done != last:
                last, moved_at = done, now
            elif now - moved_at > FUSE:
                raise RuntimeError(f"stuck at {done} of {plan.tasks}; the workers say:\n{field.tails()}")
            await asyncio.sleep(0.02)
    finally:
        for one in (sending, *zombies):
            one.cancel()
        await asyncio.gather(sending, *zombies, return_exceptions=True)


async def _count_ended(oq: Any, last: int) -> int:
    try:
        return sum(count for one in await oq.stats() for state, count in one.counts.items() if state.terminal)
    except StoreUnavailable:  # taken away on purpose
        return max(last, 0)


async def _read(oq: Any, ids: Iterable[str], log: Log) -> set[str]:
    """Write down which of these have ended, under which fence; give them."""
    try:
        records = await oq.queue.store.get(list(ids))
    except StoreUnavailable:
        return set()
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
        crashed = ended is not None and ended.reason is Reason.CRASHED
        states[THREE_CRASHES if crashed else "missing" if ended is None else ended.state.value] += 1
        if ended is not None and ended.value is not None and ended.value[1] != ended.attempt:
            stale.append(id_)
    return stale, dict(states)


def main() -> None:
    """Run one plan from the command line and print its verdict; exit 1 if it is not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arena", choices=sorted(ARENAS), default="sqlite")
    parser.add_argument("--proof", type=Path, help="folder that takes the report, as text and as JSON")
    parser.add_argument("--large", action="store_true", help="begin with the figures of a release")
    for field in msgspec.structs.fields(Plan):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, help=f"default: {field.default}")
    options = vars(parser.parse_args())
    name, folder_of_proof = options.pop("arena"), options.pop("proof")
    plan = LARGE if options.pop("large") else Plan()
    plan = msgspec.structs.replace(plan, **{key: value for key, value in options.items() if value is not None})
    with tempfile.TemporaryDirectory(prefix="omniq-chaos-") as folder, ARENAS[name](Path(folder)) as arena:
        began = time.monotonic()
        outcome = asyncio.run(run(arena, Path(folder), plan))
        seconds = time.monotonic() - began
    print(write_proof(name, arena.software, plan, outcome, seconds, folder_of_proof))
    sys.exit(0 if outcome.right else 1)


if __name__ == "__main__":
    main()
