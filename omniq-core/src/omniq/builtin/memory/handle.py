"""What the three memory stores have in common: being open or not, the fork guard, the clock.

A fork copies the memory, and what one side writes the other never sees. So a handle that was inherited is
refused in the child (`ForkedStore`) and not given a fresh lock: a task enqueued there would be lost without a
word. The child opens a store of its own.
"""

from __future__ import annotations

import os
import weakref
from abc import abstractmethod
from typing import Self

from omniq.errors import ForkedStore, StoreClosed
from omniq.storage.base import BaseStore, Capabilities, Durability, Feature

__all__ = ("MemoryHandle",)

_CAPABILITIES = Capabilities(
    features=(Feature.STRICT_ORDER | Feature.INDEXED_LIST | Feature.EXACT_DELAY | Feature.DIRECT),
    batch_atomic=1 << 31,
    max_payload=1 << 30,
    max_parents=10_000,
    durability=Durability.PROCESS,
)


class MemoryHandle(BaseStore):
    """An open or closed way to data in this process."""

    name = "memory"

    def __init__(self) -> None:
        self._usable = False
        self._forked = False
        _handles.add(self)

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    async def open(self) -> None:
        if self._forked:
            raise self._refused()
        self._usable = True

    async def close(self) -> None:
        self._usable = False

    def companion(self) -> Self:
        if self._forked:
            raise self._refused()
        other = self._twin()
        other.clock = self.clock
        return other

    def describe(self) -> str:
        return "memory of this process"

    @abstractmethod
    def _twin(self) -> Self:
        """Make another handle to the same data."""

    def _refused(self) -> Exception:
        if self._forked:
            return ForkedStore(
                "a memory store does not cross a fork: parent and child would write two different copies; "
                "open one in the child, or use a store that both can reach, such as sqlite:///jobs.db"
            )
        return StoreClosed("the memory store is not open; await open(), or use `async with`")


_handles: weakref.WeakSet[MemoryHandle] = weakref.WeakSet()


def _refuse_inherited() -> None:
    for handle in _handles:
        handle._usable = False
        handle._forked = True


os.register_at_fork(after_in_child=_refuse_inherited)
