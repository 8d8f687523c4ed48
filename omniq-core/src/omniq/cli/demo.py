"""`omniq demo`: the main job on real files, a worker killed half way, and the proof that nothing was lost.

The totals are checked against a plain loop over the same files: the last line is a comparison, no claim.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from omniq.cli.chosen import Chosen, common, point_at
from omniq.cli.crew import Crew
from omniq.cli.exits import Exit
from omniq.cli.output import Format, note, show_record, table
from omniq.cli.progress import Progress
from omniq.models.states import State
from omniq.models.task import Task

__all__ = ("Report", "command")

LOOK = 0.05
"""Seconds between two looks at the counts."""
PATIENCE = 60.0
"""Seconds without one more finished task after which something is wrong."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the run gave, and what the plain loop over the same files says."""

    files: int
    counted: dict[str, int]
    expected: dict[str, int]
    lost: int
    twice: int
    killed: bool
    recovered: int
    seconds: float
    tasks_per_second: float
    plain_loop_seconds: float

    @property
    def right(self) -> bool:
        return self.lost == 0 and self.twice == 0 and self.counted == self.expected


@click.command("demo")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Worker processes.")
@click.option("--keep", is_flag=True, help="Leave the database and the workers' logs in place.")
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, folder: Path | None, workers: int, keep: bool) -> None:
    """Count lines, functions and imports of every .py file in FOLDER, one task a file.

    Without FOLDER: the standard library that runs this. One worker is killed half way.
    """
    if chosen.backend or chosen.app or chosen.project:
        raise click.UsageError("demo makes a database of its own in a temporary folder; leave out -b, -a and -p")
    root = folder or Path(sysconfig.get_paths()["stdlib"])
    files = _python_files(root)
    if not files:
        raise click.UsageError(f"{root} holds no .py file")
    place = Path(tempfile.mkdtemp(prefix="omniq-demo-"))
    try:
        report = asyncio.run(_run(root, files, place, workers))
    finally:
        if keep:
            note(f"kept {place}; look into it: omniq -b sqlite:///{place / 'demo.db'} queues list")
        else:
            shutil.rmtree(place, ignore_errors=True)
    _show(report, chosen.format)
    context.exit(Exit.OK if report.right else Exit.UNEXPECTED)


async def _run(root: Path, files: Sequence[str], place: Path, workers: int) -> Report:
    url = f"sqlite:///{place / 'demo.db'}"
    point_at(url)
    from omniq.cli.demo_app import Counts, count_file, counts_of, oq

    note(f"omniq: {url}, one task for each of {len(files):,} files in {root}")
    async with oq:
        began = time.monotonic()
        handles = await oq.enqueue_many([count_file.bind(path) for path in files])
        note(f"enqueued {len(handles):,} tasks in {time.monotonic() - began:.2f} s")
        with Crew("omniq.cli.demo_app:oq", workers, place, lease="2s") as crew:
            began = time.monotonic()
            killed = await _watch(oq, crew, len(handles))
            seconds = time.monotonic() - began
        totals, lost = Counts(), 0
        for handle in handles:
            ended = await oq.get_result(handle.id)
            if ended is None or ended.state is not State.SUCCEEDED or ended.value is None:
                lost += 1
                continue
            totals = totals.plus(ended.value)
        recovered = sum(task.crashes > 0 for task in await _all(oq, State.SUCCEEDED))
        finished = sum(stats.counts.get(State.SUCCEEDED, 0) for stats in await oq.stats())
    began = time.monotonic()
    expected = Counts()
    for path in files:
        expected = expected.plus(counts_of(path))
    return Report(
        files=len(files),
        counted=totals._asdict(),
        expected=expected._asdict(),
        lost=lost,
        twice=max(finished - len({handle.id for handle in handles}), 0),
        killed=killed,
        recovered=recovered,
        seconds=round(seconds, 2),
        tasks_per_second=round(len(files) / seconds, 1),
        plain_loop_seconds=round(time.monotonic() - began, 2),
    )


async def _watch(oq: Any, crew: Crew, total: int) -> bool:
    """Wait until all have ended, killing one worker half way; say whether one was killed."""
    bar = Progress(total, "tasks")
    killed, last, moved_at = False, -1, time.monotonic()
    while True:
        counts: Counter[State] = Counter()
        for stats in await oq.stats():
            counts.update(stats.counts)
        done = sum(count for state, count in counts.items() if state.terminal)
        bar.show(done, f"{counts[State.RUNNING]} running, {crew.alive} workers")
        if done >= total:
            bar.close()
            return killed
        if not killed and done >= total // 2 and counts[State.RUNNING]:
            victim, held = crew.kill_one([task.worker or "" for task in await _all(oq, State.RUNNING)])
            killed = True
            bar.say(f"SIGKILL to worker {victim}, which held {held}; the lease ends within 2 s")
        if done != last:
            last, moved_at = done, time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE or not crew.alive:
            bar.close()
            raise click.ClickException(f"{total - done} tasks do not end; the workers say:\n{crew.tail()}")
        await asyncio.sleep(LOOK)


async def _all(oq: Any, state: State) -> list[Task]:
    found: list[Task] = []
    page = await oq.tasks(state=state, limit=1000)
    found += page.items
    while page.next is not None:
        page = await oq.tasks(state=state, limit=1000, after=page.next)
        found += page.items
    return found


def _python_files(root: Path) -> list[str]:
    found = []
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name not in ("site-packages", "__pycache__"))
        found += [str(Path(folder, name)) for name in sorted(names) if name.endswith(".py")]
    return [path for path in found if os.access(path, os.R_OK) and Path(path).is_file()]


def _show(report: Report, output: Format) -> None:
    if output is not Format.TABLE:
        show_record(msgspec.structs.asdict(report), output)
        return
    rows = [
        [
            name,
            f"{report.counted[name]:,}",
            f"{expected:,}",
            "same" if report.counted[name] == expected else "DIFFERS",
        ]
        for name, expected in report.expected.items()
    ]
    click.echo(table(["total", "omniq", "plain loop", ""], rows))
    click.echo(
        f"\n{report.files:,} tasks in {report.seconds:.1f} s, {report.tasks_per_second:,.0f} a second, "
        f"workers' start included; the plain loop took {report.plain_loop_seconds:.1f} s"
    )
    if report.killed:
        were = "task of the killed worker was" if report.recovered == 1 else "tasks of the killed worker were"
        click.echo(f"{report.recovered} {were} run again by another")
    else:
        click.echo("the work was over before a worker could be killed; give a folder with more files")
    click.echo(f"{report.lost} lost, {report.twice} twice" + ("" if report.right else ": NOT RIGHT"))
