"""Unique keys: who holds which, judged when somebody asks.

An entry names a task and its epoch. Whether that task still holds the key is read from its state, so nothing
has to free a key when a task starts or ends. Only a window is a matter of time alone, and outlives its task.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

import msgspec

from omniq.models.states import State, Until, key_is_held
from omniq.models.values import Micros
from omniq.storage.model.record import Record
from omniq.storage.records import UniqueKey

__all__ = ("KeyEntry", "Keys")


class KeyEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest holder of one key; `ends` counts only with a window."""

    digest: bytes
    task_id: str
    epoch: int
    until: Until
    ends: Micros


class Keys:
    """The keys of all tasks."""

    __slots__ = ("_entries", "_windows")

    def __init__(self) -> None:
        self._entries: dict[bytes, KeyEntry] = {}
        self._windows: list[tuple[Micros, bytes]] = []

    def holder(self, now: Micros, digest: bytes, records: dict[str, Record]) -> str | None:
        """Say who holds a key now."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if entry.until is Until.WINDOW:
            return entry.task_id if now < entry.ends else None
        record = records.get(entry.task_id)
        if record is None or record.epoch != entry.epoch:
            return None
        held = key_is_held(entry.until, State.of(record.state), claimed_in_epoch=record.claimed)
        return entry.task_id if held else None

    def take(self, now: Micros, key: UniqueKey, task_id: str, epoch: int) -> None:
        """Make a task the holder; the caller knows that the key is free, or the task's own."""
        self.put(KeyEntry(key.digest, task_id, epoch, key.until, now + key.window))

    def renew(self, key: UniqueKey, task_id: str, epoch: int) -> None:
        """Give the key to a task that is requeued; a window is not renewed."""
        if key.until is not Until.WINDOW:
            self.put(KeyEntry(key.digest, task_id, epoch, key.until, 0))

    def put(self, entry: KeyEntry) -> None:
        """Write an entry."""
        self._entries[entry.digest] = entry
        if entry.until is Until.WINDOW:
            heappush(self._windows, (entry.ends, entry.digest))

    def release(self, record: Record) -> None:
        """Forget the key of a task that is removed, unless its window goes on."""
        key = record.task.unique
        if key is None or key.until is Until.WINDOW:
            return
        entry = self._entries.get(key.digest)
        if entry is not None and entry.task_id == record.task.id:
            del self._entries[key.digest]

    def forget_windows(self, now: Micros, limit: int) -> int:
        """Remove up to `limit` windows that are over; give how many."""
        count = 0
        while self._windows and self._windows[0][0] <= now and count < limit:
            ends, digest = heappop(self._windows)
            entry = self._entries.get(digest)
            if entry is not None and entry.until is Until.WINDOW and entry.ends == ends:
                del self._entries[digest]
                count += 1
        return count

    def sorted(self) -> Iterable[KeyEntry]:
        """Give all entries in order of their keys."""
        return (self._entries[digest] for digest in sorted(self._entries))
