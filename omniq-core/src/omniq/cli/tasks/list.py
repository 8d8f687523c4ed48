"""`omniq tasks list`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.output import Format, age, note, show_rows
from omniq.cli.tasks.acting import filters
from omniq.errors import InvalidOption
from omniq.models.task import Task

__all__ = ("command",)

_COLUMNS = ("id", "name", "queue", "state", "attempt", "reason", "age")


@click.command("list")
@filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--after", metavar="PLACE", help="Go on behind a page; the page names its place on stderr.")
@common
def command(
    chosen: Chosen,
    states: tuple[str, ...],
    queue: str | None,
    name: str | None,
    tag: str | None,
    since: str | None,
    limit: int,
    after: str | None,
) -> None:
    """Show tasks, newest first."""

    async def work(app: AsyncOmniQ[Any]) -> tuple[list[Task], str | None]:
        return await _pages(
            app,
            limit,
            after,
            state=states,
            queue=queue,
            name=name,
            tag=tag,
            since=since,
        )

    found, place = chosen.run(work)
    if chosen.format is Format.TABLE:
        rows = [{**msgspec.structs.asdict(task), "age": age(task.created_at)} for task in found]
    else:
        rows = [msgspec.structs.asdict(task) for task in found]
    show_rows(rows, chosen.format, _COLUMNS, empty="no task matches; `omniq queues list` counts what there is")
    if place is not None:
        note(f"there is more: add --after {place}")


async def _pages(app: AsyncOmniQ[Any], limit: int, after: str | None, **where: Any) -> tuple[list[Task], str | None]:
    found: list[Task] = []
    while True:  # a page may be short while more follow
        try:
            page = await app.tasks(limit=limit - len(found), after=after, **where)
        except InvalidOption as error:
            if error.option != "after":
                raise
            raise click.BadParameter(error.why, param_hint="--after") from None
        found += page.items
        after = page.next
        if after is None or len(found) >= limit:
            return found, after
