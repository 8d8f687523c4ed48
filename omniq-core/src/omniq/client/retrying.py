"""`RetryPolicy`: what a user says about retries, judged and turned into what the policy blob holds.

A name of an exception that nothing can have is refused: it would be a rule that silently never applies.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from omniq.errors import InvalidOption
from omniq.models.policy import Retries
from omniq.models.values import Duration, span, whole
from omniq.names import module_name

__all__ = ("MOST_RETRIES", "Kinds", "RetryPolicy", "retries_of")

MOST_RETRIES = 1_000_000
MAX_FACTOR = 1_000_000.0

Kinds: TypeAlias = "type[BaseException] | str | tuple[type[BaseException] | str, ...]"
"""One exception type or several; text is `module:qualname`, for a type that cannot be imported here."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a failed attempt is tried again: exponential back-off, full jitter unless it is switched off.

    Args:
        max: executions after the first, 0 to 1,000,000.
        base: the delay before the first retry; `factor` (1 or more) multiplies it each time, up to `cap`.
        jitter: take a random part of the delay instead of all of it, so that failures do not return in step.
        retry_on: types that are worth a retry, subclasses included; none named means every one.
        give_up_on: types that are not, whatever `retry_on` says.
    """

    max: int = 3
    base: Duration = 1.0
    factor: float = 2.0
    cap: Duration = "1h"
    jitter: bool = True
    retry_on: Kinds = ()
    give_up_on: Kinds = ()


def retries_of(policy: Any) -> Retries:
    """Judge a retry policy, and give it in µs and names.

    Raises:
        InvalidOption: it is none, or one of its values makes no sense.
    """
    if not isinstance(policy, RetryPolicy):
        raise InvalidOption("retry", f"{policy!r:.80} is no RetryPolicy; write retry=RetryPolicy(max=3) or retries=3")
    return Retries(
        max=whole("retry.max", policy.max, 0, MOST_RETRIES),
        base=span(policy.base, "retry.base"),
        factor=_factor(policy.factor),
        cap=span(policy.cap, "retry.cap"),
        jitter=bool(policy.jitter),
        retry_on=_names("retry.retry_on", policy.retry_on),
        give_up_on=_names("retry.give_up_on", policy.give_up_on),
    )


def _factor(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value <= MAX_FACTOR:  # nan is in no range
        raise InvalidOption("retry.factor", f"{value!r:.80} is not a number from 1 to {MAX_FACTOR:.0f}")
    return float(value)


def _names(option: str, kinds: Any) -> tuple[str, ...]:
    if isinstance(kinds, str | type):
        kinds = (kinds,)
    if not isinstance(kinds, Iterable):
        raise InvalidOption(option, f"{kinds!r:.80} is no exception type; name one or a tuple of them")
    return tuple(_name(option, kind) for kind in kinds)


def _name(option: str, kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return f"{module_name(kind.__module__)}:{kind.__qualname__}"
    if not isinstance(kind, str):
        raise InvalidOption(
            option, f"{kind!r:.80} is no exception type; name types, or text such as 'shop.errors:Busy'"
        )
    module, colon, qualname = kind.partition(":")
    if colon and all(part.isidentifier() for part in (*module.split("."), *qualname.split("."))):
        return kind
    known = isinstance(getattr(builtins, kind, None), type)
    raise InvalidOption(
        option, f"{kind!r:.80} names no type; write {('builtins:' + kind) if known else 'MODULE:TYPE'!r}"
    )
