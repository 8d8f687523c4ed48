"""Where a command works: the global options, and the app that they choose.

`-b`, `-p`, `-c`, `-a` and `-o` are accepted before and after the verb; the later one wins. Whatever is chosen is
named in the first line on stderr, with secrets masked, so that nobody pauses a queue on the wrong server.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
import msgspec

from omniq import AsyncOmniQ
from omniq.cli.loading import load_app
from omniq.cli.output import Format, note
from omniq.errors import StoreUnavailable

__all__ = ("Chosen", "common", "global_options", "point_at")

P = ParamSpec("P")
T = TypeVar("T")
Command = Callable[..., Any]

_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "-b", "--backend", metavar="URL", help="Where the tasks are, for example sqlite:///jobs.db; OMNIQ_BACKEND."
    ),
    click.option("-p", "--project", metavar="NAME", help="The project inside the backend; OMNIQ_PROJECT_NAME."),
    click.option("-c", "--config", metavar="FILE", help="The configuration file; OMNIQ_CONFIG, else omniq.yaml here."),
    click.option("-a", "--app", metavar="MODULE:ATTR", help="The app whose backend and tasks to use; OMNIQ_APP."),
    click.option("-o", "--output", type=click.Choice([one.value for one in Format]), help="How data is written."),
)


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say; None where they are silent, and OMNIQ_* or omniq.yaml decides."""

    backend: str | None = None
    project: str | None = None
    config: str | None = None
    app: str | None = None
    output: str | None = None

    @property
    def format(self) -> Format:
        return Format(self.output or Format.TABLE)

    def over(self, earlier: Chosen) -> Chosen:
        """Give these choices, and the earlier ones where these are silent."""
        mine = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(earlier, **mine)

    def choose(self) -> AsyncOmniQ[Any]:
        """Make the app that the options choose, touching nothing yet.

        Raises:
            click.UsageError: APP and an option name two places.
        """
        if self.config is not None:  # for every app that reads its settings here, and for children
            os.environ["OMNIQ_CONFIG"] = self.config
        return AsyncOmniQ(self.backend, project=self.project) if self.app is None else self._load(self.app)

    def open(self) -> AsyncOmniQ[Any]:
        """Make the app that the options choose, touching nothing yet, and name it on stderr; raises as `choose`."""
        app = self.choose()
        kind, place = app.queue.store.name, app.describe()
        shown = place if place.startswith(kind) else f"{kind} {place}"
        origin = self.app or ("-b" if self.backend else app.config.origins["TASKS"].removeprefix("environment "))
        note(f"omniq: {shown}, project {app.config.project} (from {origin})")
        return app

    def run(self, work: Callable[[AsyncOmniQ[Any]], Awaitable[T]]) -> T:
        """Name what is chosen, then do the work `on` it."""
        return self.on(self.open(), work)

    def on(self, app: AsyncOmniQ[Any], work: Callable[[AsyncOmniQ[Any]], Awaitable[T]]) -> T:
        """Open an app, do the work on its async face, close it.

        A question to the person stands between two of these, never inside: a running loop would keep Ctrl-C
        from the prompt.

        Raises:
            StoreUnavailable: a file that is not there; to make one by a slip of the pen would hide the slip.
        """
        place = app.describe()
        if place.startswith("/") and not Path(place).exists():
            raise StoreUnavailable(f"{place} does not exist; the first enqueue or worker makes it")

        async def inside() -> T:
            async with app:
                return await work(app)

        return asyncio.run(inside())

    def _load(self, reference: str) -> AsyncOmniQ[Any]:
        if self.backend is not None:  # an app that was made without a URL reads it where it is made
            point_at(self.backend)
        if self.project is not None:
            os.environ["OMNIQ_PROJECT_NAME"] = self.project
        app = load_app(reference)
        asked = AsyncOmniQ(self.backend, project=self.project)
        if self.backend is not None and app.describe() != asked.describe():
            raise click.UsageError(
                f"{reference} works on {app.describe()}, but -b says {asked.describe()}; remove one of the "
                "two, or make the app without a URL: OmniQ()"
            )
        return app


_PLACES = (
    "OMNIQ_TASK_QUEUE_URL",
    "OMNIQ_TASK_QUEUE_TYPE",
    "OMNIQ_RESULT_STORAGE_URL",
    "OMNIQ_RESULT_STORAGE_TYPE",
    "OMNIQ_BACKEND",
)
"""The variables that say where tasks and results are."""


def point_at(url: str) -> None:
    """Make `url` the backend of this process and its children for every app that names none itself."""
    for name in _PLACES:
        os.environ.pop(name, None)
    os.environ["OMNIQ_BACKEND"] = url


def global_options(function: Command) -> Command:
    """Give a command the options that stand before and after every verb."""
    return functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), function)


def common(function: Callable[Concatenate[Chosen, P], T]) -> Callable[..., T]:
    """Give a command the global options, joined with those before the verb, as its first argument."""

    @global_options
    @click.pass_context
    @functools.wraps(function)
    def command(
        context: click.Context,
        /,
        *args: Any,
        backend: str | None,
        project: str | None,
        config: str | None,
        app: str | None,
        output: str | None,
        **kwargs: Any,
    ) -> T:
        here = Chosen(backend=backend, project=project, config=config, app=app, output=output)
        chosen = here.over(context.find_object(Chosen) or Chosen())
        if chosen.app is None and chosen.backend is None:
            chosen = msgspec.structs.replace(chosen, app=os.environ.get("OMNIQ_APP") or None)
        return function(chosen, *args, **kwargs)

    return command
