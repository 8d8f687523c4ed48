"""`omniq tasks`: find tasks, look at one, cancel some. Works on a backend alone, without importing an app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.exits import Exit
from omniq.cli.output import Format, age, note, show_record, show_rows
from omniq.errors import TaskNotFound
from omniq.models.states import State
from omniq.models.task import Task
from omniq.storage.records import CancelAnswer, TaskRecord

__all__ = ("command",)

_COLUMNS = ("id", "name", "queue", "state", "attempt", "reason", "created")


@click.group("tasks")
def command() -> None:
    """List, show and cancel tasks."""


@command.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice([state.value for state in State]))
@click.option("--queue", help="Only of this queue.")
@click.option("--name", help="Only with this task name, MODULE:FUNCTION.")
@click.option("--tag", help="Only with this tag.")
@click.option("--since", metavar="DURATION", help="Only created this long ago or later, for example 1h30m.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--after", metavar="PLACE", help="Go on behind a page; the page names its place on stderr.")
@common
def list_tasks(
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
        rows = [{**_fields(task), "created": age(task.created_at)} for task in found]
    else:
        rows = [_fields(task) for task in found]
    show_rows(rows, chosen.format, _COLUMNS, empty="no task matches; `omniq queues list` counts what there is")
    if place is not None:
        note(f"there is more: add --after {place}")


@command.command("show")
@click.argument("id")
@click.option("--show-args", is_flag=True, help="Show arguments and result too; they may hold secrets.")
@common
def show_task(chosen: Chosen, id: str, show_args: bool) -> None:  # noqa: A002 - the argument's name in the usage
    """Show one task; of a failed one the error with its traceback."""

    async def work(app: AsyncOmniQ[Any]) -> dict[str, Any]:
        task = await app.get_task(id)
        if task is None:
            raise TaskNotFound(id)
        record = _fields(task)
        ended = await app.get_result(id) if task.state.terminal else None
        if ended is not None and ended.error is not None:
            record["error"] = ended.error.traceback.rstrip() or f"{ended.error.type}: {ended.error.message}"
        if show_args:
            record |= await _contents(app, id)
        return record

    show_record(chosen.run(work), chosen.format)


@command.command("cancel")
@click.argument("ids", nargs=-1, required=True)
@common
@click.pass_context
def cancel(context: click.Context, chosen: Chosen, ids: tuple[str, ...]) -> None:
    """Cancel tasks: what waits at once, what runs as soon as its worker hears of it."""

    async def work(app: AsyncOmniQ[Any]) -> list[CancelAnswer]:
        return list(await app.cancel(list(ids)))

    answers = chosen.run(work)
    rows = [{"id": id_, "answer": answer.value} for id_, answer in zip(ids, answers, strict=True)]
    show_rows(rows, chosen.format, ("id", "answer"), empty="")
    if CancelAnswer.MISSING in answers:
        context.exit(Exit.NOT_FOUND)


async def _pages(app: AsyncOmniQ[Any], limit: int, after: str | None, **where: Any) -> tuple[list[Task], str | None]:
    found: list[Task] = []
    while True:  # a page may be short while more follow
        try:
            page = await app.tasks(limit=limit - len(found), after=after, **where)
        except ValueError:
            text = f"{after!r} is no place in this list; take it from the page before"
            raise click.BadParameter(text, param_hint="--after") from None
        found += page.items
        after = page.next
        if after is None or len(found) >= limit:
            return found, after


async def _contents(app: AsyncOmniQ[Any], id_: str) -> dict[str, Any]:
    """Give arguments and result as data: no codec that could run code, and no user type, is touched."""
    records: Sequence[TaskRecord | None] = await app.queue.store.get([id_], payload=True, result=True)
    record = records[0]
    if record is None:
        raise TaskNotFound(id_)
    return {"arguments": _as_data(record.payload), "result": _as_data(record.result)}


def _as_data(blob: bytes | None) -> Any:
    if not blob:
        return None
    for start in (0, 1):  # the codec's id may stand in front
        try:
            return msgspec.msgpack.decode(blob[start:], ext_hook=lambda code, raw: f"<ext {code}, {len(raw)} bytes>")
        except (msgspec.DecodeError, ValueError):
            continue
    return f"<{len(blob)} bytes that are no plain data>"


def _fields(task: Task) -> dict[str, Any]:
    return msgspec.structs.asdict(task)
