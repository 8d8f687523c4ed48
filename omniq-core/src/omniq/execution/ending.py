"""How one attempt can end: a closed union of facts, judged by `outcome.decide` and by nothing else.

An ending says what happened, never what follows from it. Errors are data here: the exception stays in the
thread or child where it was raised.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from omniq.models.result import TaskError
from omniq.models.values import Micros
from omniq.names import module_name

__all__ = (
    "BadArguments",
    "BadSignature",
    "Cancelled",
    "Crashed",
    "DeadlinePassed",
    "Discarded",
    "Ending",
    "Interrupted",
    "Raised",
    "ResultTooLarge",
    "ResultUnserializable",
    "RetryAsked",
    "Returned",
    "Snoozed",
    "TimedOut",
    "Undecodable",
    "UnknownTask",
    "type_names",
)


class Returned(msgspec.Struct, frozen=True, gc=False):
    """The body returned; `result` is its value encoded, None where none is kept."""

    result: bytes | None = None


class Raised(msgspec.Struct, frozen=True):
    """The body raised; `bases` are the names of the exception's type and its bases, for `retry_on`."""

    error: TaskError
    bases: tuple[str, ...] = ()


class TimedOut(msgspec.Struct, frozen=True):
    """The attempt took longer than its timeout."""

    error: TaskError


class DeadlinePassed(msgspec.Struct, frozen=True):
    """The task's deadline passed, before or during this attempt."""

    error: TaskError


class Interrupted(msgspec.Struct, frozen=True):
    """The worker gave the task back: it shuts down, or could not start it soon."""


class Cancelled(msgspec.Struct, frozen=True):
    """The body was asked to stop, and left without a value."""


class Crashed(msgspec.Struct, frozen=True):
    """Whoever ran the attempt is gone: its lease ran out, or its child died."""

    error: TaskError


class Snoozed(msgspec.Struct, frozen=True):
    """The body asked to come back later; 0 keeps its place in the queue."""

    delay: Micros


class RetryAsked(msgspec.Struct, frozen=True):
    """The body asked for another try; None leaves the delay to the policy."""

    error: TaskError
    delay: Micros | None = None


class Discarded(msgspec.Struct, frozen=True):
    """The body gave up for good."""

    error: TaskError


class Undecodable(msgspec.Struct, frozen=True):
    """The stored arguments or policy cannot be read here."""

    error: TaskError


class BadSignature(msgspec.Struct, frozen=True):
    """The stored arguments are not signed by a key that is known here."""

    error: TaskError


class BadArguments(msgspec.Struct, frozen=True):
    """The arguments do not fit the function."""

    error: TaskError


class UnknownTask(msgspec.Struct, frozen=True):
    """No function of this name is known here; another worker may be newer."""

    error: TaskError


class ResultTooLarge(msgspec.Struct, frozen=True):
    """The body returned more than may be kept."""

    error: TaskError


class ResultUnserializable(msgspec.Struct, frozen=True):
    """The body returned what does not travel."""

    error: TaskError


Ending: TypeAlias = (
    Returned
    | Raised
    | TimedOut
    | DeadlinePassed
    | Interrupted
    | Cancelled
    | Crashed
    | Snoozed
    | RetryAsked
    | Discarded
    | Undecodable
    | BadSignature
    | BadArguments
    | UnknownTask
    | ResultTooLarge
    | ResultUnserializable
)


def type_names(kind: type[BaseException]) -> tuple[str, ...]:
    """Name an exception's type and its bases as `module:qualname`, the spelling of `retry_on`."""
    return tuple(f"{module_name(one.__module__)}:{one.__qualname__}" for one in kind.__mro__ if one is not object)
