"""The contract of an event store: telemetry, appended in batches, read by filters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import msgspec

from omniq.models.event import EventType, TaskEvent
from omniq.models.values import Micros
from omniq.storage.base import BaseStore

__all__ = ("BaseEventStorage", "EventFilter", "EventPage")


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter; None and empty mean any."""

    types: frozenset[EventType] = frozenset()
    task_id: str | None = None
    queue: str | None = None
    name: str | None = None
    since: Micros | None = None
    until: Micros | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Events in the order of their append; `next` goes into `after` for what comes later."""

    items: list[TaskEvent]
    next: str | None = None


class BaseEventStorage(BaseStore):
    """An append-only history with a bounded age."""

    @abstractmethod
    async def append(self, events: Sequence[TaskEvent]) -> None:
        """Write events; one whose id is there already is left alone."""

    @abstractmethod
    async def read(self, where: EventFilter, *, after: str | None = None, limit: int = 100) -> EventPage:
        """Read a page, oldest first, behind `after` (opaque)."""

    @abstractmethod
    async def purge(self, before: Micros, limit: int) -> int:
        """Remove up to `limit` events older than `before`; give how many."""
