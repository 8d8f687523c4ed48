"""How many tasks to ask for: never more than can start soon.

Prefetch starts at 0 and follows measured task length: enough tasks in the buffer to cover two round trips to
the store, none while tasks are long. The hysteresis keeps batches from shrinking to single tasks.
"""

from __future__ import annotations

import math

__all__ = ("Demand",)

MOST_AHEAD = 200
COVER = 0.005  # seconds of work kept in the buffer at least, once tasks are known to be short
WEIGHT = 0.2


class Demand:
    """Exponential means of two durations in seconds: a claim's round trip and a body's run."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._trip = 0.0
        self._length: float | None = None  # unknown: a fresh worker must not fetch ahead of long tasks

    def claimed(self, seconds: float) -> None:
        """Note how long a claim took that found something."""
        self._trip += WEIGHT * (seconds - self._trip)

    def ended(self, seconds: float) -> None:
        """Note how long a body took."""
        self._length = seconds if self._length is None else self._length + WEIGHT * (seconds - self._length)

    @property
    def ahead(self) -> int:
        """Tasks worth holding unstarted."""
        if self._length is None:
            return 0
        cover = max(2 * self._trip, COVER)
        wanted = self._concurrency * cover / max(self._length, 1e-6)
        return min(MOST_AHEAD, math.ceil(wanted)) if wanted >= 1 else 0

    def want(self, running: int, buffered: int, stuck: int) -> int:
        """Tasks to claim now; 0 to wait until more have ended."""
        ahead = self.ahead
        want = self._concurrency - stuck + ahead - running - buffered
        enough = max(1, min(ahead // 2, 100))
        return want if want >= enough or (want > 0 and not running and not buffered) else 0
