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
    """A filter; None and empty mean any. `since` and `until` bound `at` (since included)."""

    types: frozenset[EventType] = frozenset()
    task_id: str | None = None
    queue: str | None = None
    name: str | None = None
    since: Micros | None = None
    until: Micros | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Events in the order of their append; `next` goes into `after` for what comes later.

    A page may be short, or empty, with `next` set. It is None where nothing was passed over: the end is reached,
    and a reader that follows asks again with the place that it had. A page that has items has a `next`.
    """

    items: list[TaskEvent]
    next: str | None = None


class BaseEventStorage(BaseStore):
    """An append-only history with a bounded age."""

    @abstractmethod
    async def append(self, events: Sequence[TaskEvent]) -> None:
        """Write events, all or none; one whose id is there already is left alone."""

    @abstractmethod
    async def read(self, where: EventFilter, *, after: str | None = None, limit: int = 100) -> EventPage:
        """Read a page in the order of append, behind `after`: the `next` of a page before, opaque.

        What is appended later is behind every place that was given, also when events were purged in between.

        Raises:
            ValueError: `after` is no such value.
        """

    @abstractmethod
    async def purge(self, before: Micros, limit: int) -> int:
        """Remove up to `limit` events with `at` < `before`, oldest first; give how many."""
