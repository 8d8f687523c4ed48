"""Announces SQLite for tasks, results and events. Light: importing it imports no driver."""

from __future__ import annotations

from collections.abc import Iterable

from omniq.plugins.provider import Provider
from omniq.plugins.specs import hookimpl

__all__ = ("omniq_event_providers", "omniq_queue_providers", "omniq_result_providers")

_SQLITE = Provider(
    name="sqlite",
    factory="omniq_sqlite.backend:SQLiteBackend",
    options="omniq_sqlite.options:SQLiteOptions",
    schemes=("sqlite",),
    summary="one file on a local disk, no server",
)


@hookimpl
def omniq_queue_providers() -> Iterable[Provider]:
    """Announce the file as a place for tasks."""
    return (_SQLITE,)


@hookimpl
def omniq_result_providers() -> Iterable[Provider]:
    """Announce the file as a place for results."""
    return (_SQLITE,)


@hookimpl
def omniq_event_providers() -> Iterable[Provider]:
    """Announce the file as a place for events."""
    return (_SQLITE,)
