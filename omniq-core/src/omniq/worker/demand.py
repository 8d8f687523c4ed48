"""How many tasks to ask for: free slots, and a little ahead of them when tasks are short.

Prefetch hides the round trip to the store. It is measured, never set: nothing ahead until one task has ended,
then what the slots can finish during two round trips. With tasks of a second it is 0, so a task never waits
behind a long one while another worker is free.
"""

from __future__ import annotations

import math

__all__ = ("Demand",)

MOST_AHEAD = 200
"""More gains nothing: 400 was measured as fast."""
ROUND_TRIP_FLOOR = 0.005
_WEIGHT = 0.2


class Demand:
    """The arithmetic of one worker's appetite. Seconds."""

    __slots__ = ("_length", "_slots", "_trip", "ahead", "enough")

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._length: float | None = None
        self._trip = 0.0
        self.ahead = 0
        self.enough = slots - 1
        """So many in hand, running or waiting, or fewer: a claim may be worth it. Asked for every task."""

    def saw_task(self, seconds: float) -> None:
        """Learn how long a task took."""
        self._length = seconds if self._length is None else self._length + _WEIGHT * (seconds - self._length)

    def saw_waiting(self, seconds: float) -> None:
        """Learn that claimed tasks found no slot for so long: those that run are no shorter.

        Without it what was given back would be claimed again at once, and so on for ever.
        """
        self._length = max(seconds, self._length or 0.0)
        self._look_ahead(0)

    def saw_trip(self, seconds: float) -> None:
        """Learn how long a round trip to the store took, and set what to ask for ahead."""
        self._trip += _WEIGHT * (seconds - self._trip)
        if self._length is not None:
            window = max(2 * self._trip, ROUND_TRIP_FLOOR)
            wanted = self._slots * window / max(self._length, 1e-6)
            self._look_ahead(0 if wanted < 1 else min(MOST_AHEAD, math.ceil(wanted)))

    def want(self, running: int, buffered: int, stuck: int = 0) -> int:
        """Say how many to claim now; 0 while the room is not worth a round trip.

        The threshold keeps batches large: without it a busy worker would claim task by task.
        """
        slots = self._slots - stuck
        if slots <= 0:
            return 0
        in_hand = running + buffered
        room = slots + self.ahead - in_hand
        return room if in_hand <= self.enough - stuck else 0

    def _look_ahead(self, ahead: int) -> None:
        self.ahead = ahead
        self.enough = self._slots + ahead - max(1, ahead // 2)
