"""`omniq config show`: every setting, and who said so."""

from __future__ import annotations

import click

from omniq.cli.chosen import Chosen, common
from omniq.cli.output import show_rows

__all__ = ("command",)


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@common
def show(chosen: Chosen) -> None:
    """Show every setting with its value and its origin; secrets are masked, and nothing is opened."""
    rows = [setting._asdict() for setting in chosen.choose().config.settings()]
    show_rows(rows, chosen.format, ("name", "value", "origin"), empty="")
