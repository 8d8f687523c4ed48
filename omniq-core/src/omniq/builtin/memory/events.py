"""Events in memory: an append-only history with a bounded age."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import Self

from omniq.builtin.memory.handle import MemoryHandle
from omniq.models.event import TaskEvent
from omniq.models.values import Micros, wall_clock
from omniq.storage.events import BaseEventStorage, EventFilter, EventPage

__all__ = ("Events", "MemoryEventStorage")

_SCANNED = 1_000
"""Events that a page looks at beyond its limit before it ends short."""
_SLACK = 64


class Events:
    """The data: events in order of their append. Whoever touches it holds `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._ids: set[str] = set()
        self._log: list[tuple[int, TaskEvent]] = []
        self._by_time: list[tuple[Micros, int, str]] = []
        self._count = 0

    def append(self, event: TaskEvent) -> None:
        """Write one unless it is there."""
        if event.id in self._ids:
            return
        self._count += 1
        self._ids.add(event.id)
        self._log.append((self._count, event))
        heappush(self._by_time, (event.at, self._count, event.id))

    def read(self, where: EventFilter, after: int, limit: int) -> EventPage:
        """Read a page behind this place."""
        items: list[TaskEvent] = []
        start = bisect_right(self._log, after, key=_place)
        for looked, (place, event) in enumerate(islice(self._log, start, None)):
            if len(items) == limit or looked == limit + _SCANNED:
                return EventPage(items, str(after))
            after = place
            if event.id in self._ids and _matches(event, where):
                items.append(event)
        return EventPage(items, str(after) if items else None)

    def purge(self, before: Micros, limit: int) -> int:
        """Remove up to `limit` older ones, oldest first; give how many."""
        count = 0
        while self._by_time and self._by_time[0][0] < before and count < limit:
            self._ids.discard(heappop(self._by_time)[2])
            count += 1
        if len(self._log) > 2 * len(self._ids) + _SLACK:
            self._log = [entry for entry in self._log if entry[1].id in self._ids]
        return count


class MemoryEventStorage(MemoryHandle, BaseEventStorage):
    """An event store that lives as long as its process. Any thread and any loop may call it."""

    def __init__(self, events: Events | None = None) -> None:
        super().__init__()
        self._events = Events() if events is None else events

    def _twin(self) -> Self:
        return type(self)(self._events)

    async def server_now(self) -> Micros:
        self._entered()
        return wall_clock() if self.clock is None else self.clock()

    async def append(self, events: Sequence[TaskEvent]) -> None:
        kept = self._entered()
        with kept.lock:
            for event in events:
                kept.append(event)

    async def read(self, where: EventFilter, *, after: str | None = None, limit: int = 100) -> EventPage:
        kept = self._entered()
        if after is not None and not after.isdecimal():
            raise ValueError(f"{after!r} is no mark of a page of events; give the `next` of the page before")
        place = 0 if after is None else int(after)
        with kept.lock:
            return kept.read(where, place, limit)

    async def purge(self, before: Micros, limit: int) -> int:
        kept = self._entered()
        with kept.lock:
            return kept.purge(before, limit)

    def _entered(self) -> Events:
        if not self._usable:
            raise self._refused()
        return self._events


def _place(entry: tuple[int, TaskEvent]) -> int:
    return entry[0]


def _matches(event: TaskEvent, where: EventFilter) -> bool:
    return not (
        (where.types and event.type not in where.types)
        or (where.task_id is not None and event.task_id != where.task_id)
        or (where.queue is not None and event.queue != where.queue)
        or (where.name is not None and event.name != where.name)
        or (where.since is not None and event.at < where.since)
        or (where.until is not None and event.at >= where.until)
    )
