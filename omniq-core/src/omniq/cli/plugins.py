"""`omniq plugins`: what is installed, and with --check whether it can be loaded."""

from __future__ import annotations

from typing import Any

import click

from omniq.cli.chosen import Chosen, common
from omniq.cli.exits import Exit
from omniq.cli.output import Format, show_rows
from omniq.errors import BackendBroken
from omniq.plugins.discovery import Found
from omniq.plugins.registry import registry

__all__ = ("command",)


@click.command("plugins")
@click.option("--check", is_flag=True, help="Load each one, driver included; exit 1 if one cannot be.")
@common
@click.pass_context
def command(context: click.Context, chosen: Chosen, check: bool) -> None:
    """List the backends and worker kinds that are installed; without --check no driver is loaded."""
    rows = [_row(found, check=check) for found in registry.listing()]
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
    if check and troubled:
        context.exit(Exit.UNEXPECTED)


def _row(found: Found, *, check: bool) -> dict[str, Any]:
    provider = found.provider
    return {
        "name": found.name,
        "role": None if found.role is None else found.role.value,
        "schemes": () if provider is None else provider.schemes,
        "source": found.source,
        "summary": "" if provider is None else provider.summary,
        "trouble": _trouble(found, check=check),
    }


def _trouble(found: Found, *, check: bool) -> str | None:
    if found.broken:
        return found.broken
    if found.provider is None or found.role is None:
        return None
    if not found.compatible:
        return f"needs contract {'.'.join(map(str, found.provider.api))}"
    if check:
        try:
            for path in (found.provider.options, found.provider.factory):
                if path:
                    registry.load(found.role, found.provider, path)
        except BackendBroken as error:
            return error.why
    return None
