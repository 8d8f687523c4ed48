"""Results in memory, for tasks that live elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Self, TypeAlias

from omniq.builtin.memory.handle import MemoryHandle
from omniq.builtin.memory.place import Waiter, Watchers
from omniq.models.values import SECOND, Micros, wall_clock
from omniq.storage.base import Clock
from omniq.storage.records import Fence
from omniq.storage.results import BaseResultStorage, StoredResult

__all__ = ("MemoryResultStorage", "Results")

Key: TypeAlias = tuple[str, int, int]


class Results:
    """The data: results by fence, and the order in which they go. Whoever touches it holds `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[Key, tuple[StoredResult, Micros]] = {}
        self.ends: list[tuple[Micros, Key]] = []
        self.watchers: Watchers[Key] = Watchers()

    def put(self, now: Micros, key: Key, result: StoredResult) -> None:
        """Write one, and wake who waits for it."""
        end = now + result.keep
        self.kept[key] = (result, end)
        heappush(self.ends, (end, key))
        self.watchers.ring((key,))

    def get(self, now: Micros, key: Key) -> StoredResult | None:
        """Read one that is not past its keep."""
        found = self.kept.get(key)
        return found[0] if found is not None and now < found[1] else None

    def purge(self, now: Micros, limit: int) -> int:
        """Remove up to `limit` that are past their keep; give how many."""
        count = 0
        while self.ends and self.ends[0][0] <= now and count < limit:
            end, key = heappop(self.ends)
            found = self.kept.get(key)
            if found is not None and found[1] == end:  # else replaced or deleted since
                del self.kept[key]
                count += 1
        return count


class MemoryResultStorage(MemoryHandle, BaseResultStorage):
    """A result store that lives as long as its process. Any thread and any loop may call it."""

    def __init__(self, results: Results | None = None) -> None:
        super().__init__()
        self._results = Results() if results is None else results
        self._waiters: dict[Waiter, None] = {}

    def _twin(self) -> Self:
        return type(self)(self._results)

    async def close(self) -> None:
        await super().close()
        for waiter in list(self._waiters):
            waiter.ring()

    async def server_now(self) -> Micros:
        self._entered()
        return _now(self.clock)

    async def put(self, results: Sequence[tuple[Fence, StoredResult]]) -> None:
        kept = self._entered()
        with kept.lock:
            now = _now(self.clock)
            for fence, result in results:
                kept.put(now, _key(fence), result)

    async def get(self, fences: Sequence[Fence]) -> list[StoredResult | None]:
        kept = self._entered()
        with kept.lock:
            now = _now(self.clock)
            return [kept.get(now, _key(fence)) for fence in fences]

    async def delete(self, fences: Sequence[Fence]) -> None:
        kept = self._entered()
        with kept.lock:
            for fence in fences:
                kept.kept.pop(_key(fence), None)

    async def purge(self, limit: int) -> int:
        kept = self._entered()
        with kept.lock:
            return kept.purge(_now(self.clock), limit)

    async def wait(self, fences: Sequence[Fence], *, timeout: Micros) -> list[Fence]:
        kept = self._entered()
        keys = [_key(fence) for fence in fences]
        with kept.lock:
            found = self._there(fences)
            if found or timeout <= 0 or not keys:
                return found
            waiter = Waiter()
            self._waiters[waiter] = None
            kept.watchers.add(keys, waiter)
        try:
            await waiter.stand_by(timeout / SECOND)
        finally:
            with kept.lock:
                self._waiters.pop(waiter, None)
                kept.watchers.remove(keys, waiter)
        if not self._usable:
            return []
        with kept.lock:
            return self._there(fences)

    def _there(self, fences: Sequence[Fence]) -> list[Fence]:
        now = _now(self.clock)
        return [fence for fence in fences if self._results.get(now, _key(fence)) is not None]

    def _entered(self) -> Results:
        if not self._usable:
            raise self._refused()
        return self._results


def _key(fence: Fence) -> Key:
    return fence.task_id, fence.attempt, fence.claim_id


def _now(clock: Clock | None) -> Micros:
    return wall_clock() if clock is None else clock()
