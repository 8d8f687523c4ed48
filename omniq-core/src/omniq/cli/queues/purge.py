"""`omniq queues purge`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from omniq import AsyncOmniQ, Purged
from omniq.cli.asking import ask
from omniq.cli.chosen import Chosen, common
from omniq.cli.output import show_rows

__all__ = ("command",)


@click.command("purge")
@click.argument("queues", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Do nothing; say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def command(chosen: Chosen, queues: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Cancel what waits in these queues and delete what has ended; what runs goes on."""

    app = chosen.open()

    def purge(dry: bool) -> list[Purged]:
        async def work(app: AsyncOmniQ[Any]) -> list[Purged]:
            return [await app.purge(queue, dry_run=dry) for queue in queues]

        return chosen.on(app, work)

    purged = purge(dry_run or not yes)
    if not (dry_run or yes) and any(one.deleted for one in purged):
        waiting, gone = sum(one.cancelled for one in purged), sum(one.deleted for one in purged)
        ask(f"cancel {waiting:,} and delete {gone:,} tasks of {', '.join(queues)} in {app.describe()}?", yes=False)
        purged = purge(False)
    rows = [{"queue": queue, **msgspec.structs.asdict(one)} for queue, one in zip(queues, purged, strict=True)]
    show_rows(rows, chosen.format, ("queue", "cancelled", "deleted", "left", "dry_run"), empty="")
