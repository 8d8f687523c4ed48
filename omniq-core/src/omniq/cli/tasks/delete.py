"""`omniq tasks delete`."""

from __future__ import annotations

import click

from omniq.cli.chosen import Chosen, common
from omniq.cli.tasks.acting import Asked, acts, carry_out
from omniq.storage.records import DeleteAnswer

__all__ = ("command",)


@click.command("delete")
@acts
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, asked: Asked) -> None:
    """Remove finished tasks with their results, by IDS or by a filter; what has not ended stays."""
    carry_out(context, chosen, "delete", DeleteAnswer, asked, ask_for_ids=True)
