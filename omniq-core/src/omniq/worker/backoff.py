"""The pauses of one who asks a store that is away: short at first, longer, never longer than the cap."""

from __future__ import annotations

import random

__all__ = ("Backoff", "jittered")

_random = random.Random()


def jittered(seconds: float) -> float:
    """Spread a period by a tenth to each side, so that many workers do not ask in step."""
    return seconds * (0.9 + 0.2 * _random.random())


class Backoff:
    """Doubling pauses with jitter; `reset` after a success. Seconds."""

    __slots__ = ("_cap", "_first", "_next")

    def __init__(self, first: float = 0.1, cap: float = 10.0) -> None:
        self._first, self._cap, self._next = first, cap, first

    @property
    def idle(self) -> bool:
        """Has nothing failed since the last reset?"""
        return self._next == self._first

    def step(self) -> float:
        pause = self._next
        self._next = min(2 * pause, self._cap)
        return pause * (0.5 + 0.5 * _random.random())

    def reset(self) -> None:
        self._next = self._first
