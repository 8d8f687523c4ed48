"""The contract of a result store, for results that live elsewhere than their tasks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import msgspec

from omniq.models.values import Micros
from omniq.storage.base import BaseStore
from omniq.storage.records import Fence

__all__ = ("BaseResultStorage", "StoredResult")


class StoredResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt left: exactly one of value and error. `keep` is µs from the put."""

    value: bytes | None = None
    error: bytes | None = None
    keep: Micros = 86_400_000_000


class BaseResultStorage(BaseStore):
    """Results keyed by the whole fence.

    A result is put before its settlement. A reader follows the fence that the task record names, so an
    orphan of a lost attempt is never served.
    """

    @abstractmethod
    async def put(self, results: Sequence[tuple[Fence, StoredResult]]) -> None:
        """Write results; a repeat replaces. The caller puts before it settles."""

    @abstractmethod
    async def get(self, fences: Sequence[Fence]) -> list[StoredResult | None]:
        """Read results; one answer a fence, in order, None for an unknown one or one past its keep."""

    @abstractmethod
    async def delete(self, fences: Sequence[Fence]) -> None:
        """Remove results; unknown ones are fine."""

    @abstractmethod
    async def purge(self, limit: int) -> int:
        """Remove up to `limit` results past their keep; give how many."""

    @abstractmethod
    async def wait(self, fences: Sequence[Fence], *, timeout: Micros) -> list[Fence]:
        """Answer when at least one is there, at the latest after `timeout`."""
