"""`omniq tasks cancel`."""

from __future__ import annotations

import click

from omniq.cli.chosen import Chosen, common
from omniq.cli.tasks.acting import Asked, acts, carry_out
from omniq.storage.records import CancelAnswer

__all__ = ("command",)


@click.command("cancel")
@acts
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, asked: Asked) -> None:
    """Cancel tasks, by IDS or by a filter: what waits at once, what runs as soon as its worker hears of it."""
    carry_out(context, chosen, "cancel", CancelAnswer, asked)
