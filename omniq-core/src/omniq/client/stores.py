"""The open handles of one app: one set for all where every store is direct, else one set a loop.

A handle belongs to the loop that opened it, and an app may be used from several: both faces share it, and a
program may call `asyncio.run` twice. So nobody holds on to a handle; everybody asks for the one that is right
here, and the first who asks opens it.

Invariant: a handle is never used or closed outside the loop that opened it.
"""

from __future__ import annotations

import asyncio
import atexit
from typing import Any, NamedTuple, Self
from weakref import WeakKeyDictionary, WeakSet

from omniq.config.resolve import Places
from omniq.direct import drive
from omniq.errors import OmniQError
from omniq.storage.base import Feature
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("Handles", "Stores")


class Handles(NamedTuple):
    """What is open in one place; `results` is None where results stay with the tasks."""

    tasks: BaseTaskQueue
    results: BaseResultStorage | None


class Stores:
    """Opens handles where they are needed, and closes them there."""

    def __init__(self, tasks: BaseTaskQueue, results: BaseResultStorage | None = None) -> None:
        self.tasks = tasks
        self.results = results
        features = [one.capabilities.features for one in (tasks, results) if one is not None]
        self.direct = all(Feature.DIRECT in one for one in features)
        self._open: dict[asyncio.AbstractEventLoop | None, Handles] = {}
        self._first = [Handles(tasks, results)]  # empty while somebody has them
        self._opening: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @classmethod
    def of(cls, places: Places) -> Self:
        """Take one handle from each backend."""
        return cls(places.tasks.tasks(), None if places.results is None else places.results.results())

    async def here(self) -> Handles:
        """Give the handles of this place; the first call opens them."""
        place = None if self.direct else asyncio.get_running_loop()
        found = self._open.get(place)
        return found if found is not None else await self._enter(place)

    async def close(self) -> None:
        """Close the handles of this place; the next use opens new ones."""
        place = None if self.direct else asyncio.get_running_loop()
        handles = self._open.pop(place, None)
        if handles is not None:
            await handles.tasks.close()
            if handles.results is not None:
                await handles.results.close()
            if handles.tasks is self.tasks:
                self._first = [handles]

    @property
    def is_open(self) -> bool:
        """Whether anything is open, here or elsewhere."""
        return bool(self._open)

    async def _enter(self, place: asyncio.AbstractEventLoop | None) -> Handles:
        if place is None:
            # Several threads may come here at once. They open the same handles; opening what is open does nothing.
            handles = Handles(self.tasks, self.results)
            await _open_all(handles)
            _left_open.add(self)
            return self._open.setdefault(None, handles)
        async with self._opening.setdefault(place, asyncio.Lock()):
            if (found := self._open.get(place)) is not None:
                return found
            for gone in [loop for loop in self._open if loop is not None and loop.is_closed()]:
                del self._open[gone]  # never closed: their loop cannot run any more
            try:
                handles = self._first.pop()
            except IndexError:
                handles = Handles(self.tasks.companion(), None if self.results is None else self.results.companion())
            await _open_all(handles)
            self._open[place] = handles
            return handles


async def _open_all(handles: Handles) -> None:
    await handles.tasks.open()
    if handles.results is not None:
        try:
            await handles.results.open()
        except BaseException:
            await handles.tasks.close()
            raise


_left_open: WeakSet[Any] = WeakSet()


@atexit.register
def _close_direct() -> None:
    """End what a program left open; only a direct store can be closed where no loop runs any more."""
    for stores in list(_left_open):
        try:
            drive(stores.close())
        except OmniQError:
            continue
