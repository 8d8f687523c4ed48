"""Guesses how long a call would hold up the event loop, by how long its kind took lately.

A claim of a hundred small tasks is worth running on the loop, one of a hundred large payloads is not, and on a slow
disk neither is. So nothing is configured: each kind of call has its own seconds a row.

Invariant: a kind that was found too slow is tried again later, since each refusal lowers the guess a little.
"""

from __future__ import annotations

from collections.abc import Hashable

__all__ = ("LONGEST", "Pace")

LONGEST = 0.001
"""Seconds that a call may hold up the loop, and after which the loop gets its turn."""
FIRST_GUESS = 0.00004
"""Seconds a row of a kind that was never seen."""
_WEIGHT = 0.2
_HOPE = 0.98


class Pace:
    """What was learned by one handle; the event loop's alone."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[Hashable, float] = {}

    def is_short(self, what: Hashable, rows: int) -> bool:
        """Would so many rows take no longer than LONGEST?"""
        a_row = self._seconds.get(what, FIRST_GUESS)
        if rows * a_row <= LONGEST:
            return True
        self._seconds[what] = a_row * _HOPE
        return False

    def learn(self, what: Hashable, rows: int, seconds: float) -> None:
        """Take in how long a call took."""
        a_row = self._seconds.get(what, FIRST_GUESS)
        self._seconds[what] = a_row + _WEIGHT * (seconds / max(rows, 1) - a_row)
