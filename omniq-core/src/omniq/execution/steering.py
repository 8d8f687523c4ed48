"""What a body raises to steer its own outcome. These are no errors."""

from __future__ import annotations

from omniq.models.values import Duration, Micros, span

__all__ = ("Discard", "Retry", "Snooze", "Steering")


class Steering(Exception):
    """The base of what steers an outcome; it is never stored as an error."""


class Retry(Steering):
    """Try again after this time; it counts as a failure, and the budget of retries bounds it."""

    def __init__(self, message: str = "", *, in_: Duration | None = None) -> None:
        super().__init__(message or "the task asked for another try")
        self.delay: Micros | None = None if in_ is None else span(in_, "in_")


class Snooze(Steering):
    """Come back later; nothing is counted against the task. Snooze(0) keeps its place in the queue."""

    def __init__(self, in_: Duration = 0) -> None:
        super().__init__(in_)
        self.delay: Micros = span(in_, "in_")


class Discard(Steering):
    """Give up for good: the task fails with reason `discarded`, without a retry."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


for _kind in (Retry, Snooze, Discard):
    _kind.__module__ = "omniq"  # where a user has them from, so that an error that is shown can be looked up
