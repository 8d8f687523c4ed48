"""The place that memory stores share: a lock, a clock that never goes back, and those who wait.

A waiter belongs to a loop and is woken from any thread. Who wakes looks again by itself, so a wake-up too
many costs an empty look and nothing else. Whoever stops waiting hands on what it was woken for.

Invariant: a waiter is on the list before the lock is let go in which nothing was found for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from omniq.models.values import Micros, wall_clock
from omniq.storage.base import Clock
from omniq.storage.model import Changes, Model

__all__ = ("Place", "Waiter", "Watchers")

K = TypeVar("K")


class Waiter:
    """One call that stands by on its loop."""

    __slots__ = ("_future", "_loop", "queues", "rung")

    def __init__(self, queues: frozenset[str] = frozenset()) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()
        self.queues = queues
        self.rung = False

    def ring(self) -> bool:
        """Wake it, from any thread; False where nobody is there to wake."""
        if self.rung or self._future.done():
            return False
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            self._future.set_result(None)
        else:
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # that loop was closed under its tasks
                return False
        self.rung = True
        return True

    async def stand_by(self, timeout: float) -> None:
        """Sleep until somebody rings, at the latest after so many seconds."""
        timer = self._loop.call_later(timeout, self._wake)
        try:
            await self._future
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


class Watchers(Generic[K]):
    """Waiters by what they wait for."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        self._by_key: dict[K, dict[Waiter, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def add(self, keys: Iterable[K], waiter: Waiter) -> None:
        for key in keys:
            self._by_key.setdefault(key, {})[waiter] = None

    def remove(self, keys: Iterable[K], waiter: Waiter) -> None:
        for key in keys:
            waiters = self._by_key.get(key)
            if waiters is not None:
                waiters.pop(waiter, None)
                if not waiters:
                    del self._by_key[key]

    def ring(self, keys: Iterable[K]) -> None:
        for key in keys:
            for waiter in self._by_key.get(key, ()):
                waiter.ring()

    def ring_all(self) -> None:
        self.ring(list(self._by_key))


class Place:
    """What all handles of one backend share. Whoever touches the model holds `lock`."""

    __slots__ = ("_last", "claimers", "lock", "model", "watchers")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model = Model()
        self.claimers: dict[Waiter, None] = {}
        self.watchers: Watchers[str] = Watchers()
        self._last = 0

    def now(self, clock: Clock | None) -> Micros:
        """Read the clock, which never goes back here; called under the lock."""
        now = wall_clock() if clock is None else clock()
        if now < self._last:
            return self._last
        self._last = now
        return now

    def tell(self) -> None:
        """Wake whom the last calls concern: one claimer a task, and everybody who waits for an end."""
        changes = self.model.changes
        if changes is None:
            return
        for queue in changes.ready:
            self._ring_one(queue)
        self.watchers.ring(changes.ended)
        changes.ready.clear()
        changes.ended.clear()

    def join(self, waiter: Waiter, ids: Sequence[str] = ()) -> None:
        """Put a waiter on the list: for the ends of these tasks, or for its queues."""
        if ids:
            self.watchers.add(ids, waiter)
        else:
            self.claimers[waiter] = None
        if self.model.changes is None:
            self.model.changes = Changes()

    def leave(self, waiter: Waiter, ids: Sequence[str] = ()) -> None:
        """Take a waiter off the list."""
        if ids:
            self.watchers.remove(ids, waiter)
        else:
            self.claimers.pop(waiter, None)
        if not self.claimers and not self.watchers:
            self.model.changes = None

    def hand_over(self, now: Micros) -> None:
        """Wake one more claimer if a task is or comes due: who left may have been its only hope."""
        for waiter in self.claimers:
            if not waiter.rung and self.model.next_due(now, list(waiter.queues)) is not None and waiter.ring():
                return

    def ring_all(self) -> None:
        """Make everybody look again."""
        for waiter in self.claimers:
            waiter.ring()
        self.watchers.ring_all()

    def _ring_one(self, queue: str) -> None:
        for waiter in self.claimers:
            if queue in waiter.queues and not waiter.rung and waiter.ring():
                return
