"""The memory backend: one place for tasks, results and events, shared by its handles."""

from __future__ import annotations

import msgspec

from omniq.builtin.memory.events import Events, MemoryEventStorage
from omniq.builtin.memory.place import Place
from omniq.builtin.memory.results import MemoryResultStorage, Results
from omniq.builtin.memory.tasks import MemoryTaskQueue

__all__ = ("MemoryBackend", "MemoryOptions")


class MemoryOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to choose; `path` is empty in `memory://` and only names the place to a reader."""

    path: str = ""


class MemoryBackend:
    """Everything that one `memory://` holds. Two backends share nothing, whatever their project is called."""

    private = True
    """Nobody but this process writes here, so its reader may trust dill."""

    def __init__(self, options: MemoryOptions | None = None, project: str = "default") -> None:
        self.options = MemoryOptions() if options is None else options
        self.project = project
        self._place = Place()
        self._results = Results()
        self._events = Events()

    def tasks(self) -> MemoryTaskQueue:
        """Make a handle to the tasks, not yet open."""
        return MemoryTaskQueue(self._place)

    def results(self) -> MemoryResultStorage:
        """Make a handle to the results, not yet open."""
        return MemoryResultStorage(self._results)

    def events(self) -> MemoryEventStorage:
        """Make a handle to the events, not yet open."""
        return MemoryEventStorage(self._events)
