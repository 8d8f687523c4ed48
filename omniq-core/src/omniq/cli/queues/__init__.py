"""`omniq queues`: what stands where, the tap that stops a queue without stopping its workers, the broom."""

from __future__ import annotations

import click

from omniq.cli.queues import list, pause, purge, resume  # noqa: A004 - the verbs' own names

__all__ = ("command",)


@click.group("queues")
def command() -> None:
    """Count, pause, resume and purge queues."""


for verb in (list, pause, resume, purge):
    command.add_command(verb.command)
