"""From decided settings and what is asked for to one `WorkerSettings` a kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omniq.config.resolve import Config
from omniq.errors import InvalidOption
from omniq.functions import FunctionRegistry
from omniq.models.config import MAX_CONCURRENCY, MIN_LEASE, WorkerSettings
from omniq.models.values import Duration, Micros, check_name, span, span_text, whole
from omniq.plugins.provider import Role
from omniq.plugins.registry import registry as plugins

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

    `queues` are served in the order given, a text is one of them; without them the configured ones, `default`,
    and those that the tasks name.

    Raises:
        InvalidOption, InvalidName: a value makes no sense.
        BackendNotFound: no installed plugin offers this kind.
    """
    named = _named(queues)
    if named is None:
        named = list(dict.fromkeys((*config.queues, "default", *sorted(registry.queues))))
    by_kind: dict[str, list[str]] = {}
    for queue in named:
        chosen = named[queue] if isinstance(named, Mapping) else kind or config.worker
        by_kind.setdefault(_kind(chosen), []).append(check_name("queue", queue))
    return [
        WorkerSettings(
            kind=one,
            concurrency=(
                config.concurrency_of(one)
                if concurrency is None
                else whole("concurrency", concurrency, 1, MAX_CONCURRENCY)
            ),
            queues=tuple(served),
            lease=_lease(config.lease if lease is None else span(lease, "lease")),
            shutdown_grace=config.shutdown_grace if shutdown_grace is None else span(shutdown_grace, "shutdown_grace"),
        )
        for one, served in by_kind.items()
    ]


def _named(queues: Any) -> Any:
    if queues is None or (isinstance(queues, Mapping) and queues):
        return queues
    if isinstance(queues, str):
        return (queues,)
    listed = tuple(queues) if isinstance(queues, Iterable) else ()
    if not listed:
        raise InvalidOption("queues", f"{queues!r:.60} names none; write a list of names, or leave it out for all")
    return listed


def _kind(kind: Any) -> str:
    if not isinstance(kind, str):
        raise InvalidOption("kind", f"{kind!r:.60} is no name of a worker kind")
    plugins.provider(kind, Role.WORKER)
    return kind


def _lease(micros: Micros) -> Micros:
    if micros < MIN_LEASE:
        raise InvalidOption("lease", f"{span_text(micros)} is too short to renew; the least is {span_text(MIN_LEASE)}")
    return micros
