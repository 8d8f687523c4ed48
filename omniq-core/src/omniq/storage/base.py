"""What every store has, whatever it holds: a life cycle, a clock, and declared capabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Flag, StrEnum, auto
from typing import Self, TypeAlias

import msgspec

from omniq.models.values import Micros

__all__ = ("BaseStore", "Capabilities", "Clock", "Durability", "Feature", "Finding")

Clock: TypeAlias = Callable[[], Micros]


class Feature(Flag):
    """What a store can do beyond the contract; each a question that the kit asks again.

    Parents, follow-ups, unique keys of every kind and the key-value space are the contract, not features.
    """

    NONE = 0
    STRICT_ORDER = auto()
    """Is a claim's order exactly queue, priority, eligible_at, place in the enqueuing call?"""
    MULTI_HOST = auto()
    """May processes on several hosts share it?"""
    NOTIFY = auto()
    """Does a waiter in another process wake by a push?"""
    TRANSACTIONS = auto()
    """Can an enqueue join the caller's transaction?"""
    INDEXED_LIST = auto()
    """Is `list` newest first, at a cost of the page?"""
    EXACT_DELAY = auto()
    """Does a delayed task become eligible to the millisecond?"""
    DIRECT = auto()
    """Do operations end in the caller's thread without suspending, under the direct mark?"""


class Durability(StrEnum):
    """What an answered write survives."""

    PROCESS = "D0"
    """nothing: it lives as long as the process"""
    CRASH = "D1"
    """a crash of the process"""
    POWER = "D2"
    """a crash of the operating system, or loss of power"""
    NODE = "D3"
    """loss of a node"""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a store declares; declared equals behaviour, which the kit checks.

    `batch_atomic` says how many tasks of one call are all-or-nothing under a crash. Sizes are bytes.
    """

    features: Feature
    batch_atomic: int
    max_payload: int
    max_parents: int
    durability: Durability


class Finding(msgspec.Struct, frozen=True):
    """One thing that `check` looked at."""

    name: str
    ok: bool
    text: str
    advice: str = ""


class BaseStore(ABC):
    """An open or not yet open handle to one place.

    Constructing touches nothing. A handle belongs to the loop that opened it (`WrongLoop` elsewhere) and to
    its process (`ForkedStore` after a fork); a `DIRECT` handle has no home loop, and any thread may call it,
    under its own lock.

    `clock` is for tests: set before `open`, it replaces the store's clock on this handle and on companions
    made from it.
    """

    name: str = "store"
    clock: Clock | None = None

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Tell what this store can do; known before it is open."""

    @abstractmethod
    async def open(self) -> None:
        """Connect, and create what is missing. Opening an open handle does nothing.

        Raises:
            StoreUnavailable: the engine cannot be reached.
            StoreRefused: this place cannot hold a queue.
            StoreCorrupt: damaged, not ours, or of a newer version.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything; waiters of this handle end empty. Closing a closed handle does nothing."""

    @abstractmethod
    def companion(self) -> Self:
        """Make another handle to the same data, not yet open; as many as asked for.

        A `ref` is a plain value: any handle of this process may hand it back.
        """

    @abstractmethod
    async def server_now(self) -> Micros:
        """Give the store's time, µs since the epoch."""

    async def check(self) -> list[Finding]:
        """Look for what would hurt later: settings, versions, free room."""
        return []

    def describe(self) -> str:
        """Name the place for a person: resolved path or masked URL."""
        return self.name

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
