"""A clock that moves only when it is told to, so that nothing here sleeps or measures."""

from __future__ import annotations

from omniq.models.values import Duration, Micros, span

__all__ = ("START", "VirtualClock")

START: Micros = 1_800_000_000_000_000
"""January 2027: past every real stamp of a test's machine, so that a mix-up of clocks shows at once."""


class VirtualClock:
    """Call it for the time in µs; set it as `store.clock` before the store opens. It never goes back."""

    __slots__ = ("_now",)

    def __init__(self, start: Micros = START) -> None:
        self._now = start

    def __call__(self) -> Micros:
        return self._now

    def advance(self, by: Duration) -> Micros:
        """Move on by a duration (seconds, a timedelta or text like "1h") and give the new time."""
        return self.step(span(by, "by"))

    def step(self, micros: Micros) -> Micros:
        """Move on by so many µs, 0 or more, and give the new time."""
        if micros < 0:
            raise ValueError(f"a clock does not go back, not by {-micros} µs")
        self._now += micros
        return self._now
