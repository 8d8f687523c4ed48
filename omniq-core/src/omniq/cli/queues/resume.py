"""`omniq queues resume`."""

from __future__ import annotations

from typing import Any

import click

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.output import Format, note, show_rows

__all__ = ("command",)


@click.command("resume")
@click.argument("queues", nargs=-1, required=True)
@common
def command(chosen: Chosen, queues: tuple[str, ...]) -> None:
    """Give from these queues again."""

    async def work(app: AsyncOmniQ[Any]) -> None:
        await app.resume_queue(*queues)

    chosen.run(work)
    note(f"resumed {', '.join(queues)}")
    if chosen.format is not Format.TABLE:
        show_rows([{"queue": queue, "paused": False} for queue in queues], chosen.format, (), empty="")
