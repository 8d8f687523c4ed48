"""`omniq queues pause`."""

from __future__ import annotations

from typing import Any

import click

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.output import Format, note, show_rows

__all__ = ("command",)


@click.command("pause")
@click.argument("queues", nargs=-1, required=True)
@common
def command(chosen: Chosen, queues: tuple[str, ...]) -> None:
    """Give nothing more from these queues; what runs goes on."""

    async def work(app: AsyncOmniQ[Any]) -> None:
        await app.pause_queue(*queues)

    chosen.run(work)
    note(f"paused {', '.join(queues)}; go on with: omniq queues resume {' '.join(queues)}")
    if chosen.format is not Format.TABLE:
        show_rows([{"queue": queue, "paused": True} for queue in queues], chosen.format, (), empty="")
