"""`omniq queues list`."""

from __future__ import annotations

from typing import Any

import click

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.output import show_rows
from omniq.models.states import State
from omniq.models.values import SECOND, span_text
from omniq.storage.records import QueueStats

__all__ = ("command",)


@click.command("list")
@common
def command(chosen: Chosen) -> None:
    """Show every queue with a count per state."""

    async def work(app: AsyncOmniQ[Any]) -> list[QueueStats]:
        return await app.stats()

    rows = [_row(stats, readable=chosen.output in (None, "table")) for stats in chosen.run(work)]
    columns = ["queue", *(state.value for state in State), "oldest_ready", "paused"]
    shown = [column for column in columns if column in ("queue", "ready", "running", "oldest_ready", "paused")
             or any(row.get(column) for row in rows)]  # fmt: skip
    show_rows(rows, chosen.format, shown, empty="no queue has ever held a task here")


def _row(stats: QueueStats, *, readable: bool) -> dict[str, Any]:
    oldest = stats.oldest_ready
    if readable:
        waited: dict[str, Any] = {"oldest_ready": None if oldest is None else span_text(oldest)}
    else:
        waited = {"oldest_ready_seconds": None if oldest is None else oldest / SECOND}
    counts = {state.value: stats.counts.get(state, 0) for state in State}
    return {
        "queue": stats.queue,
        **counts,
        **waited,
        "paused": stats.paused,
        "exact": stats.exact,
    }
