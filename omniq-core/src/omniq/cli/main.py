"""The command `omniq`: finds the file of a command, runs it, and turns errors into one line and an exit code.

A command's module is imported when it is called, so `omniq --help` and shell completion stay quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from omniq.cli.chosen import Chosen, global_options
from omniq.cli.exits import Exit, exit_for
from omniq.errors import OmniQError, StoreUnavailable

__all__ = ("cli", "main")

_COMMANDS = {
    "config": ("config", "Show the settings and where each comes from."),
    "demo": ("demo", "See the main job done on real files, with a worker killed half way."),
    "plugins": ("plugins", "List the backends and worker kinds that are installed."),
    "queues": ("queues", "Count, pause, resume and purge queues."),
    "tasks": ("tasks", "List, show, cancel, requeue and delete tasks."),
    "worker": ("worker", "Run the tasks of an app until stopped."),
}
"""The verb, its module beside this one (which holds a `command`), and its line in the help."""


class _Verbs(click.Group):
    """A group whose members are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"omniq.cli.{_COMMANDS[cmd_name][0]}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):  # from the table: help imports no command
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), code.meaning) for code in Exit])


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@global_options
@click.version_option(package_name="omniq-core", prog_name="omniq")
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """A task queue: one file and no server, then any scale by URL.

    Without -b or -a, OMNIQ_BACKEND decides, then omniq.yaml, else it is SQLite in .omniq/ of the working folder.
    """
    context.obj = Chosen(**options)


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    try:
        answer = cli.main(prog_name="omniq", standalone_mode=False)
        code = answer if isinstance(answer, int) else Exit.OK
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = Exit.INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough, as in `omniq tasks list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.OK
    except OmniQError as error:
        click.echo(f"error: {_explained(error)}", err=True)
        code = exit_for(error)
    sys.exit(int(code))


def _explained(error: OmniQError) -> str:
    if isinstance(error, StoreUnavailable):
        return f"backend unreachable: {error}"
    return str(error) or type(error).__name__
