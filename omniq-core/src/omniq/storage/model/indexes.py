"""The orders in which tasks are looked for: what is due, what runs out, what is newest.

Deletion is lazy: an entry that no longer tells the truth stays until it is met, or until a heap has doubled
since it was last cleaned. So every operation is O(log n) amortized, and an index never decides anything:
whether an entry is true is read from the record.

Invariant: every record that belongs into an index has a true entry there. Stale or doubled ones do
no harm.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import groupby

from omniq.storage.model.record import GONE, READY, RUNNING, SUCCEEDED, WAITING, Entry, Record, keep_until

__all__ = ("LEVELS", "Heap", "Ids", "Queue", "expiry_heap", "keep_heap", "lease_heap")

_SLACK = 64
_BLOCK = 2_000
LEVELS = 10
"""Priorities 0 to 9."""


class Heap:
    """Entries by key, with the question that tells a true one."""

    __slots__ = ("_ceiling", "_true", "entries")

    def __init__(self, true: Callable[[Entry], bool]) -> None:
        self.entries: list[Entry] = []
        self._true = true
        self._ceiling = _SLACK

    def push(self, entry: Entry) -> None:
        """Add an entry, and clean when the stale ones may be the most."""
        entries = self.entries
        heappush(entries, entry)
        if len(entries) > self._ceiling:
            true = sorted(filter(self._true, entries))  # sorted, so that one that is there twice shows
            entries[:] = [one for one, _ in groupby(true)]  # in place: a claim may be walking this list
            self._ceiling = 2 * len(entries) + _SLACK

    def top(self) -> Entry | None:
        """Give the first true entry, which stays."""
        entries = self.entries
        while entries:
            if self._true(entries[0]):
                return entries[0]
            heappop(entries)
        return None

    def pop(self) -> None:
        """Remove the first entry."""
        heappop(self.entries)


class Queue:
    """One queue: a heap of ready tasks a priority, due and future ones together, and a count a state."""

    __slots__ = ("counts", "levels", "paused")

    def __init__(self) -> None:
        self.levels = [Heap(_is_ready) for _ in range(LEVELS)]
        self.counts = [0] * (GONE + 1)
        self.paused = False

    def add(self, record: Record) -> None:
        """Take in a record that has become ready; its count is the caller's."""
        self.levels[record.task.priority].push((record.run_at, record.seq, record))

    def first(self) -> int | None:
        """Give the earliest eligible_at of a ready task."""
        if not self.counts[READY]:
            return None
        tops = [top[0] for level in self.levels if (top := level.top()) is not None]
        return min(tops, default=None)


class Ids:
    """All ids in their order, in blocks, so that one in the middle moves a block and not the rest."""

    __slots__ = ("_blocks", "_lasts")

    def __init__(self) -> None:
        self._blocks: list[list[str]] = [[]]
        self._lasts: list[str] = [""]
        """The last id of each block."""

    def add(self, task_id: str) -> None:
        """Add an id; one that is the newest goes to the end at once."""
        at = len(self._lasts) - 1
        if task_id > self._lasts[at]:
            self._blocks[at].append(task_id)
            self._lasts[at] = task_id
        else:
            at = bisect_left(self._lasts, task_id)
            insort(self._blocks[at], task_id)
        block = self._blocks[at]
        if len(block) > _BLOCK:
            half = len(block) // 2
            self._blocks[at : at + 1] = block[:half], block[half:]
            self._lasts.insert(at, block[half - 1])

    def remove(self, task_id: str) -> None:
        """Remove an id that is there."""
        at = bisect_left(self._lasts, task_id)
        block = self._blocks[at]
        del block[bisect_left(block, task_id)]
        if block:
            self._lasts[at] = block[-1]
        elif len(self._blocks) > 1:
            del self._blocks[at], self._lasts[at]
        else:
            self._lasts[at] = ""

    def before(self, task_id: str | None) -> Iterator[str]:
        """Walk back from the highest, or from the one below this one."""
        at = len(self._lasts) - 1 if task_id is None else bisect_left(self._lasts, task_id)
        if at == len(self._lasts):
            at, task_id = at - 1, None
        stop = None if task_id is None else bisect_left(self._blocks[at], task_id)
        yield from reversed(self._blocks[at][:stop])
        for block in reversed(self._blocks[:at]):
            yield from reversed(block)


def lease_heap() -> Heap:
    """Make the index of running tasks by the end of their lease."""
    return Heap(_is_leased)


def expiry_heap() -> Heap:
    """Make the index of tasks that have not started by the end of their ttl."""
    return Heap(_is_mortal)


def keep_heap() -> Heap:
    """Make the index of finished tasks by the end of their keep."""
    return Heap(_is_kept)


def _is_ready(entry: Entry) -> bool:
    return entry[2].state == READY and entry[2].run_at == entry[0]


def _is_leased(entry: Entry) -> bool:
    return entry[2].state == RUNNING and entry[2].lease_key == entry[0]


def _is_mortal(entry: Entry) -> bool:
    return WAITING <= entry[2].state <= READY and entry[2].expires_at == entry[0]


def _is_kept(entry: Entry) -> bool:
    return SUCCEEDED <= entry[2].state < GONE and keep_until(entry[2]) == entry[0]
