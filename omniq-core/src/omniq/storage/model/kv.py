"""The small versioned key-value space: schedules and the presence of workers.

A write by compare-and-set that missed is fine where the entry already says the same: that was the writer's
own lost reply.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from omniq.models.values import Micros
from omniq.storage.records import KvEntry
from omniq.storage.tasks import ANY_VERSION

__all__ = ("Kv",)

_SLACK = 64


class _Space:
    __slots__ = ("ceiling", "due", "entries", "keys")

    def __init__(self) -> None:
        self.entries: dict[str, KvEntry] = {}
        self.keys: list[str] = []
        self.due: list[tuple[Micros, str]] = []
        self.ceiling = _SLACK

    def true(self, entry: tuple[Micros, str]) -> bool:
        """Say whether an entry of the heap tells the truth."""
        found = self.entries.get(entry[1])
        return found is not None and found.due == entry[0]


class Kv:
    """All namespaces."""

    __slots__ = ("_spaces",)

    def __init__(self) -> None:
        self._spaces: dict[str, _Space] = {}

    def get(self, namespace: str, key: str) -> KvEntry | None:
        space = self._spaces.get(namespace)
        return None if space is None else space.entries.get(key)

    def put(self, namespace: str, key: str, value: bytes, expect: int, due: Micros | None) -> int | None:
        found = self.get(namespace, key)
        version = 0 if found is None else found.version
        if found is not None and expect != version and (found.value, found.due) == (value, due):
            return version
        if expect not in (ANY_VERSION, version):
            return None
        self.write(namespace, KvEntry(key=key, value=value, version=version + 1, due=due))
        return version + 1

    def write(self, namespace: str, entry: KvEntry) -> None:
        """Put an entry as it is."""
        space = self._spaces.get(namespace)
        if space is None:
            space = self._spaces[namespace] = _Space()
        if entry.key not in space.entries:
            insort(space.keys, entry.key)
        space.entries[entry.key] = entry
        if entry.due is not None:
            heappush(space.due, (entry.due, entry.key))
            if len(space.due) > space.ceiling:
                space.due = sorted({one for one in space.due if space.true(one)})
                heapify(space.due)
                space.ceiling = 2 * len(space.due) + _SLACK

    def delete(self, namespace: str, key: str, expect: int) -> bool:
        found = self.get(namespace, key)
        if found is None:
            return True
        if expect not in (ANY_VERSION, found.version):
            return False
        space = self._spaces[namespace]
        del space.entries[key]
        del space.keys[bisect_left(space.keys, key)]
        if not space.entries:
            del self._spaces[namespace]
        return True

    def page(self, namespace: str, limit: int, after: str | None) -> tuple[list[KvEntry], str | None]:
        space = self._spaces.get(namespace)
        if space is None:
            return [], None
        start = 0 if after is None else bisect_right(space.keys, after)
        keys = space.keys[start : start + limit]
        more = start + limit < len(space.keys)
        return [space.entries[key] for key in keys], keys[-1] if more and keys else None

    def due(self, namespace: str, now: Micros, limit: int) -> tuple[list[KvEntry], Micros | None]:
        space = self._spaces.get(namespace)
        found: list[tuple[Micros, str]] = []
        following: Micros | None = None
        if space is None:
            return [], None
        while space.due:
            top = space.due[0]
            if not space.true(top) or (found and found[-1] == top):
                heappop(space.due)  # stale, or the same one twice
            elif top[0] <= now and len(found) < limit:
                found.append(heappop(space.due))
            else:
                following = max(0, top[0] - now)
                break
        for entry in found:  # looked at, not taken: they stay due until somebody writes
            heappush(space.due, entry)
        return [space.entries[key] for _, key in found], following

    def sorted(self) -> Iterable[tuple[str, KvEntry]]:
        """Give all entries in order of namespace and key."""
        for namespace in sorted(self._spaces):
            space = self._spaces[namespace]
            for key in space.keys:
                yield namespace, space.entries[key]
