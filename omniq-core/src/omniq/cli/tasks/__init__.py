"""`omniq tasks`: find tasks, look at one, act on some. Works on a backend alone, without importing an app."""

from __future__ import annotations

import click

from omniq.cli.tasks import cancel, delete, list, requeue, show  # noqa: A004 - the verbs' own names

__all__ = ("command",)


@click.group("tasks")
def command() -> None:
    """List, show, cancel, requeue and delete tasks."""


for verb in (list, show, cancel, requeue, delete):
    command.add_command(verb.command)
