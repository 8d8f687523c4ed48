"""The store of a single process: for tests, for scripts, and for what may be lost with them."""

from __future__ import annotations

from omniq.builtin.memory.backend import MemoryBackend, MemoryOptions
from omniq.builtin.memory.events import MemoryEventStorage
from omniq.builtin.memory.results import MemoryResultStorage
from omniq.builtin.memory.tasks import MemoryTaskQueue

__all__ = ("MemoryBackend", "MemoryEventStorage", "MemoryOptions", "MemoryResultStorage", "MemoryTaskQueue")
