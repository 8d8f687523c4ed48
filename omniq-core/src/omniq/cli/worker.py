"""`omniq worker APP`: runs the tasks of an app until a signal.

The first signal stops claiming and lets running tasks finish within the grace; its end, or the second signal, lets
go of them, at no cost to their retries. Exit 0 after a clean drain; 130 or 143 when tasks had to be let go.
"""

from __future__ import annotations

import asyncio
import math
import signal
import sys
from typing import Any

import click

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.exits import Exit
from omniq.cli.output import note
from omniq.errors import StoreUnavailable
from omniq.models.values import SECOND, Micros, span, span_text
from omniq.storage.base import Feature

__all__ = ("command",)

SWITCH_INTERVAL = 0.0005
"""Seconds that a busy thread keeps the GIL; the default of 5 ms would delay each step of the engine."""


@click.command("worker")
@click.argument("target", metavar="APP", required=False)
@click.option("--queues", metavar="A,B", help="Queues to serve, most urgent first.")
@click.option("--concurrency", type=click.IntRange(1), help="Tasks at once.")
@click.option("--kind", help="How functions run: async, thread or another installed kind.")
@click.option("--lease", metavar="DURATION", help="How long a task stays claimed when this process dies.")
@common
@click.pass_context
def command(
    context: click.Context,
    chosen: Chosen,
    target: str | None,
    queues: str | None,
    concurrency: int | None,
    kind: str | None,
    lease: str | None,
) -> None:
    """Run the tasks of APP (MODULE:ATTRIBUTE, for example app:oq) until stopped."""
    chosen = Chosen(app=target).over(chosen)
    if chosen.app is None:
        raise click.UsageError("name the app to work for: omniq worker MODULE:ATTRIBUTE, for example app:oq")
    sys.setswitchinterval(SWITCH_INTERVAL)
    options = {
        "queues": [name.strip() for name in queues.split(",") if name.strip()] if queues is not None else None,
        "concurrency": concurrency,
        "kind": kind,
        "lease": None if lease is None else _seconds(lease) / SECOND,
    }
    app = chosen.open()
    app.config.logging.configure()
    context.exit(asyncio.run(_work(app, {name: value for name, value in options.items() if value is not None})))


async def _work(app: AsyncOmniQ[Any], options: dict[str, Any]) -> Exit:
    async with app:
        worker = app.worker(**options)
        stopped = _Signals(worker)
        await worker.start(supervised=True)
        note(_banner(app, worker))
        await _warn(app)
        code = await worker.wait()
    if code == Exit.BUSY:
        note(
            "all slots are held by functions that ran past their timeout and cannot be stopped; "
            "a supervisor should start this worker anew (exit 75)"
        )
        return Exit.BUSY
    return stopped.answer()


async def _warn(app: AsyncOmniQ[Any]) -> None:
    """Say what is amiss with a server: one that evicts keys loses tasks in silence. A file is whole or cannot open."""
    store = app.queue.store
    if Feature.DIRECT in store.capabilities.features:
        return
    try:
        findings = await store.check()
    except StoreUnavailable:
        return  # the worker tells, and goes on trying
    for one in findings:
        if not one.ok:
            note(f"warning: {one.text}; {one.advice}")


def _seconds(text: str) -> Micros:
    """Read a duration as the environment does: a plain number is seconds."""
    try:
        return span(float(text), "--lease")
    except ValueError:
        return span(text, "--lease")


class _Signals:
    """SIGINT and SIGTERM: the first asks the worker to finish, the second to let go."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._first: signal.Signals | None = None
        self._insisted = False
        self._until = math.inf
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on, number)

    def _on(self, number: signal.Signals) -> None:
        if self._first is None:
            self._first = number
            self._until = asyncio.get_running_loop().time() + self._worker.settings[0].shutdown_grace / SECOND
            self._worker.stop()
            note(f"{number.name}: no new tasks; finishing what runs. Once more to let go of it now.")
        elif not self._insisted:
            self._insisted = True
            self._worker.stop_now()
            note(f"{number.name} again: letting go of what runs; it runs again elsewhere, at no cost to its retries.")

    def answer(self) -> Exit:
        late = asyncio.get_running_loop().time() >= self._until  # the worker waits no longer than the grace
        if self._first is None or not (self._insisted or late):
            return Exit.OK
        return Exit.INTERRUPTED if self._first is signal.SIGINT else Exit.TERMINATED


def _banner(app: AsyncOmniQ[Any], worker: Any) -> str:
    settings = worker.settings[0]
    names = app.registry.names()
    shown = ", ".join(sorted(names)[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    lines = {
        "backend": app.describe(),
        "queues": ", ".join(settings.queues),
        "tasks": f"{len(names)} known: {shown}" if names else "none known; does the module import its tasks?",
        "runs": f"{settings.concurrency} at once, kind {settings.kind}, lease {span_text(settings.lease)}",
        "worker": settings.name,
    }
    return "\n".join(["omniq worker", *(f"  {name.ljust(8)} {text}" for name, text in lines.items())])
