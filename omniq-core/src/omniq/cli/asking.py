"""Asks before what cannot be taken back, or touches more than was spelt out."""

from __future__ import annotations

import sys

import click

from omniq.cli.exits import Exit
from omniq.cli.output import note

__all__ = ("ask",)


def ask(question: str, *, yes: bool) -> None:
    """Go on after a yes, given here or before by `--yes`; else end with exit 1, nothing done."""
    if yes:
        return
    if not sys.stdin.isatty():
        note(f"{question} Nobody to ask here: add --yes. Nothing was done.")
        raise click.exceptions.Exit(Exit.UNEXPECTED)
    if not click.confirm(question, err=True):
        note("nothing was done")
        raise click.exceptions.Exit(Exit.UNEXPECTED)
