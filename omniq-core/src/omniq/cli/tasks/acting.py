"""What `cancel`, `requeue` and `delete` share: ids or a filter, `--dry-run`, the question, the answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import click
import msgspec

from omniq import Acted, AsyncOmniQ
from omniq.cli.asking import ask
from omniq.cli.chosen import Chosen
from omniq.cli.exits import Exit
from omniq.cli.output import Format, note, show_record, show_rows
from omniq.models.states import State
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer

__all__ = ("Asked", "acts", "carry_out", "filters")

Command = Callable[..., Any]


def filters(function: Command) -> Command:
    """Give a command the options that say which tasks."""
    options = (
        click.option("--state", "states", multiple=True, type=click.Choice([state.value for state in State])),
        click.option("--queue", help="Only of this queue."),
        click.option("--name", help="Only with this task name, MODULE:FUNCTION."),
        click.option("--tag", help="Only with this tag."),
        click.option("--since", metavar="DURATION", help="Only created this long ago or later, for example 1h30m."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), function)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line names: ids, or a filter."""

    ids: tuple[str, ...]
    which: dict[str, Any]
    dry_run: bool
    yes: bool


def acts(function: Command) -> Command:
    """Give a command ids, filters, `--dry-run` and `--yes`, as one argument `asked`."""

    @click.argument("ids", nargs=-1)
    @filters
    @click.option("--dry-run", is_flag=True, help="Do nothing; say what would be done.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @functools.wraps(function)
    def command(*args: Any, ids: tuple[str, ...], dry_run: bool, yes: bool, **options: Any) -> Any:
        which = {"state": options.pop("states")}
        which |= {key: options.pop(key) for key in ("queue", "name", "tag", "since")}
        which = {key: value for key, value in which.items() if value}
        if ids and which:
            raise click.UsageError("ids and a filter exclude each other; give one of the two")
        if not ids and not which:
            raise click.UsageError("say which tasks: ids, or --state, --queue, --name, --tag, --since")
        asked = Asked(ids=ids, which=which, dry_run=dry_run, yes=yes)
        return function(*args, asked=asked, **options)

    return command


def carry_out(
    context: click.Context,
    chosen: Chosen,
    verb: str,
    answers: type[StrEnum],
    asked: Asked,
    *,
    ask_for_ids: bool = False,
    **more: Any,
) -> None:
    """Do a verb of the app to what was named, and show the answers: a row an id, or counts of a filter."""

    app = chosen.open()
    if asked.ids:
        _by_ids(context, chosen, app, verb, answers, asked, ask_for_ids, more)
        return

    async def work(app: AsyncOmniQ[Any], dry_run: bool) -> Acted:
        acted: Acted = await getattr(app, verb)(**asked.which, **more, dry_run=dry_run)
        return acted

    acted = chosen.on(app, lambda app: work(app, asked.dry_run or not asked.yes))
    if acted.dry_run and acted.matched and not asked.dry_run:
        ask(f"{verb} {_tasks(acted.matched)} of {app.describe()}?", yes=False)
        acted = chosen.on(app, lambda app: work(app, False))
    counts = {answer.value: acted.counts.get(answer, 0) for answer in answers}
    if chosen.format is Format.TABLE:
        counts = {answer: count for answer, count in counts.items() if count}
    show_record({"matched": acted.matched, **counts, "dry_run": asked.dry_run}, chosen.format)
    if not acted.matched:
        note("no task matches; `omniq tasks list` takes the same filters")


def _by_ids(
    context: click.Context,
    chosen: Chosen,
    app: AsyncOmniQ[Any],
    verb: str,
    answers: type[StrEnum],
    asked: Asked,
    ask_for_ids: bool,
    more: dict[str, Any],
) -> None:
    if ask_for_ids and not asked.dry_run:
        ask(f"{verb} {_tasks(len(asked.ids))} of {app.describe()}?", yes=asked.yes)
    given: Sequence[StrEnum] = chosen.on(
        app, lambda app: getattr(app, verb)(list(asked.ids), dry_run=asked.dry_run, **more)
    )
    rows = [{"id": id_, "answer": answer.value} for id_, answer in zip(asked.ids, given, strict=True)]
    show_rows(rows, chosen.format, ("id", "answer"), empty="")
    if answers["MISSING"] in given:
        context.exit(Exit.NOT_FOUND)
    if not _DONE.issuperset(given):
        context.exit(Exit.UNEXPECTED)


_DONE: frozenset[StrEnum] = frozenset(
    {CancelAnswer.CANCELLED, CancelAnswer.REQUESTED, RequeueAnswer.REQUEUED, DeleteAnswer.DELETED}
)


def _tasks(count: int) -> str:
    return f"{count:,} task{'s' * (count != 1)}"
