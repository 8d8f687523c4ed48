"""From decided settings and what is asked for to one `WorkerSettings` a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omniq.config.resolve import Config
from omniq.functions import FunctionRegistry
from omniq.models.config import WorkerSettings
from omniq.models.values import Duration, check_name, span

__all__ = ("settings_of",)


def settings_of(
    config: Config,
    registry: FunctionRegistry,
    *,
    kind: str | None = None,
    concurrency: int | None = None,
    queues: Sequence[str] | Mapping[str, str] | None = None,
    lease: Duration | None = None,
    shutdown_grace: Duration | None = None,
) -> list[WorkerSettings]:
    """Give one entry a kind; what is None is as the settings say.

    `queues` are served in the order given; without them the configured ones, `default`, and those that the
    tasks name.
    """
    named = queues
    if named is None:
        named = list(dict.fromkeys((*config.queues, "default", *sorted(registry.queues))))
    by_kind: dict[str, list[str]] = {}
    for queue in named:
        chosen = named[queue] if isinstance(named, Mapping) else kind or config.worker
        by_kind.setdefault(chosen, []).append(check_name("queue", queue))
    return [
        WorkerSettings(
            kind=one,
            concurrency=concurrency or config.concurrency_of(one),
            queues=tuple(served),
            lease=config.lease if lease is None else span(lease, "lease"),
            shutdown_grace=config.shutdown_grace if shutdown_grace is None else span(shutdown_grace, "shutdown_grace"),
        )
        for one, served in by_kind.items()
    ]
