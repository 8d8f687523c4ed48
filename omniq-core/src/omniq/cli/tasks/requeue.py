"""`omniq tasks requeue`."""

from __future__ import annotations

import click

from omniq.cli.chosen import Chosen, common
from omniq.cli.tasks.acting import Asked, acts, carry_out
from omniq.storage.records import RequeueAnswer

__all__ = ("command",)


@click.command("requeue")
@click.option("--delay", default="0s", metavar="DURATION", help="Start them this much later.")
@acts
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, delay: str, asked: Asked) -> None:
    """Put tasks that ended badly back to ready, by IDS or by a filter.

    A filter without --state means failed tasks; cancelled, expired and skipped ones are taken where --state
    names them. A task that succeeded is never run again.
    """
    carry_out(context, chosen, "requeue", RequeueAnswer, asked, delay=delay)
