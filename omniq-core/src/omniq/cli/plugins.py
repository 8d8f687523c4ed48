"""`omniq plugins`: what is installed, and with --check whether it can be loaded."""

from __future__ import annotations

import click
import msgspec

from omniq.cli.chosen import Chosen, common
from omniq.cli.exits import Exit
from omniq.cli.output import show_rows
from omniq.plugins.registry import registry

__all__ = ("command",)


@click.command("plugins")
@click.option("--check", is_flag=True, help="Load each one, and exit 1 if one cannot be.")
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, check: bool) -> None:
    """List the backends and worker kinds that are installed, without loading a driver."""
    rows = [msgspec.structs.asdict(found) for found in registry.report(check=check)]
    columns = ("name", "role", "schemes", "source", "summary", *(("trouble",) if check else ()))
    show_rows(rows, chosen.format, columns, empty="no plugin is installed")
    if check and any(row["trouble"] for row in rows):
        context.exit(Exit.UNEXPECTED)
