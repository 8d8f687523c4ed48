"""How one attempt can end, as data: what `outcome.decide` judges."""

from __future__ import annotations

import msgspec

from omniq.models.result import TaskError
from omniq.models.states import Reason
from omniq.models.values import Micros

__all__ = (
    "Cancelled",
    "Crashed",
    "Discarded",
    "Ending",
    "Interrupted",
    "PastDeadline",
    "Raised",
    "Refused",
    "RetryAsked",
    "Returned",
    "Snoozed",
    "TimedOut",
    "UnknownTask",
)


class Returned(msgspec.Struct, frozen=True):
    """The body returned; the value is encoded already (None: none is kept)."""

    result: bytes | None = None


class Raised(msgspec.Struct, frozen=True):
    """The body raised; `bases` are the type names (`module:qualname`) of the exception and its bases."""

    error: TaskError
    bases: tuple[str, ...] = ()


class TimedOut(msgspec.Struct, frozen=True):
    """The attempt took longer than its timeout."""

    after: Micros


class PastDeadline(msgspec.Struct, frozen=True):
    """The task's deadline has passed, before the start or during the attempt."""


class Cancelled(msgspec.Struct, frozen=True):
    """The body left while its cancel flag was set."""


class Interrupted(msgspec.Struct, frozen=True):
    """The worker shuts down, or gives back what it did not start."""


class Crashed(msgspec.Struct, frozen=True):
    """The holder vanished: its lease ran out."""


class Snoozed(msgspec.Struct, frozen=True):
    """The body asked to come back later."""

    delay: Micros


class RetryAsked(msgspec.Struct, frozen=True):
    """The body asked for a retry, after `delay` or the policy's."""

    error: TaskError
    delay: Micros | None = None


class Discarded(msgspec.Struct, frozen=True):
    """The body gave up for good."""

    why: str


class UnknownTask(msgspec.Struct, frozen=True):
    """No function here has the task's name."""


class Refused(msgspec.Struct, frozen=True):
    """Something that no retry can mend: undecodable, bad arguments, a result that cannot be stored."""

    reason: Reason
    error: TaskError


Ending = (
    Returned
    | Raised
    | TimedOut
    | PastDeadline
    | Cancelled
    | Interrupted
    | Crashed
    | Snoozed
    | RetryAsked
    | Discarded
    | UnknownTask
    | Refused
)
