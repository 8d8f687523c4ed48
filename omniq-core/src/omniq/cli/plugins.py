"""`omniq plugins`: what is installed, and with --check whether it can be loaded."""

from __future__ import annotations

from typing import Any

import click

from omniq.cli.chosen import Chosen, common
from omniq.cli.exits import Exit
from omniq.cli.output import Format, show_rows
from omniq.plugins.listing import Listed
from omniq.plugins.registry import registry

__all__ = ("command",)


@click.command("plugins")
@click.option("--check", is_flag=True, help="Load each one, driver included; exit 1 if one cannot be.")
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, check: bool) -> None:
    """List the backends and worker kinds that are installed; without --check no driver is loaded."""
    listed = registry.listing(check=check)
    rows = [_row(one) for one in listed]
    readable = chosen.format is Format.TABLE
    if readable:
        rows = [{**row, "schemes": tuple(f"{scheme}:" for scheme in row["schemes"])} for row in rows]
    troubled = any(row["trouble"] for row in rows)
    columns = ("name", "role", "schemes", "source", "summary", *(("trouble",) if troubled else ()))
    show_rows(
        rows,
        chosen.format,
        columns,
        empty="no plugin is installed: is omniq-core installed, not only on a path?",
    )
    if check and any(one.state not in ("ok", "shut out") for one in listed):
        context.exit(Exit.UNEXPECTED)


def _row(one: Listed) -> dict[str, Any]:
    return {
        "name": one.name,
        "role": None if one.role is None else one.role.value,
        "schemes": one.schemes,
        "source": f"{one.distribution} {one.version}".strip(),
        "summary": one.summary,
        "trouble": None if one.state == "ok" else f"{one.state}: {one.why}",
    }
