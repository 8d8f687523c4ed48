"""What may be said about a task when it is declared or enqueued, and what it means.

The dicts are for the type checker, `resolve` for everybody else: it judges names and values once and gives
the struct that packing takes. Later words win: settings, declaration, `options(...)`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn, Self, TypedDict
from uuid import UUID

import msgspec

from omniq.config.resolve import Config
from omniq.errors import InvalidOption, NotSupported
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Until
from omniq.models.values import DAY, SECOND, Duration, Micros, at_micros, check_name, span
from omniq.names import module_name
from omniq.packing import Enqueue

__all__ = ("DeclareOptions", "Defaults", "RetryPolicy", "TaskOptions", "Unique", "check_options", "resolve")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a failed attempt is tried again: exponential back-off, full jitter unless it is switched off."""

    max: int = 3
    base: Duration = 1.0
    factor: float = 2.0
    cap: Duration = "1h"
    jitter: bool = True
    retry_on: tuple[type[BaseException] | str, ...] = ()
    give_up_on: tuple[type[BaseException] | str, ...] = ()


class Unique(msgspec.Struct, frozen=True):
    """At most one task with this key at a time, within one task name of one project.

    `until`: "terminal" (not ended yet), "started" (not started yet), or a time from the enqueue.
    `on_conflict`: "return" gives the handle of the holder, "raise" raises `UniqueConflict`.
    """

    key: str
    until: Duration = "terminal"
    on_conflict: str = "return"


class _Common(TypedDict, total=False):
    queue: str
    priority: int
    ttl: Duration | None
    timeout: Duration | None
    deadline: Duration | None
    max_runtime: Duration | None
    retries: int
    retry: RetryPolicy
    result_ttl: Duration
    unique: Unique | str | None
    tags: Iterable[str]
    metadata: Mapping[str, str]


class TaskOptions(_Common, total=False):
    """What one enqueue may say."""

    id: str
    delay: Duration
    run_at: datetime


class DeclareOptions(_Common, total=False):
    """What a declaration may say."""

    name: str


_LATER = ("parents", "on_parent", "on_success", "on_failure", "on_retry", "schedule")
_ENQUEUE = frozenset(TaskOptions.__annotations__)
_DECLARE = frozenset(DeclareOptions.__annotations__)


def check_options(options: Mapping[str, Any], store: Callable[[], str], *, declaring: bool = False) -> None:
    """Refuse what is no option, or none here; values are judged by `resolve`.

    Raises:
        InvalidOption: the name is unknown; the text has the nearest one.
        NotSupported: the name is known, and the store (asked for its name only then) does not offer it.
    """
    allowed = _DECLARE if declaring else _ENQUEUE
    for option in options:
        if option not in allowed:
            _refuse(option, allowed, store)
    if "delay" in options and "run_at" in options:
        raise InvalidOption("run_at", "excludes delay; give one of the two")


def _refuse(option: str, allowed: frozenset[str], store: Callable[[], str]) -> NoReturn:
    if option in _LATER:
        raise NotSupported(f"option {option!r}", store())
    if option in _ENQUEUE:
        raise InvalidOption(option, "belongs to one enqueue; use .options(...) there")
    if option in _DECLARE:
        raise InvalidOption(option, "belongs to the declaration; use @oq.task(...) there")
    near = difflib.get_close_matches(option, sorted(allowed), 1)
    advice = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(sorted(allowed))}"
    raise InvalidOption(option, f"is no option; {advice}")


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What applies where neither the declaration nor the enqueue says anything. Times in µs."""

    retries: int = 3
    retry_base: Micros = SECOND
    timeout: Micros | None = None
    ttl: Micros | None = None
    result_ttl: Micros = DAY

    @classmethod
    def of(cls, config: Config) -> Self:
        """Take them from decided settings."""
        return cls(
            retries=config.retries,
            retry_base=config.retry_delay,
            timeout=config.timeout,
            ttl=config.ttl,
            result_ttl=config.result_ttl,
        )


def resolve(options: Mapping[str, Any], defaults: Defaults) -> Enqueue:
    """Judge the values of checked options, and give what packing takes.

    Raises:
        InvalidOption, InvalidName, NaiveDatetime: a value makes no sense.
    """
    if not options:
        return _plain(defaults)
    get = options.get
    unique = get("unique")
    key = Unique(unique) if isinstance(unique, str) else unique
    until, window = _until(key)
    run_at = get("run_at")
    result_ttl = defaults.result_ttl if get("result_ttl") is None else span(options["result_ttl"], "result_ttl")
    return Enqueue(
        queue=check_name("queue", get("queue", "default")),
        priority=_number("priority", get("priority", 5), 0, 9),
        delay=span(get("delay", 0), "delay"),
        run_at=None if run_at is None else at_micros(run_at, "run_at"),
        ttl=_span_or("ttl", options, defaults.ttl),
        keep=result_ttl,
        unique_key=None if key is None else key.key,
        until=until,
        window=window,
        raise_on_conflict=key is not None and key.on_conflict == "raise",
        policy=_policy(options, defaults, keep=result_ttl),
        tags=_tags(get("tags", ())),
        id=_id(get("id")),
    )


@lru_cache(maxsize=8)
def _plain(defaults: Defaults) -> Enqueue:
    return Enqueue(
        ttl=defaults.ttl,
        keep=defaults.result_ttl,
        policy=_policy({}, defaults, keep=defaults.result_ttl),
    )


def _policy(options: Mapping[str, Any], defaults: Defaults, *, keep: Micros) -> TaskPolicy:
    retry = options.get("retry")
    if retry is not None and "retries" in options:
        raise InvalidOption("retries", "excludes retry=RetryPolicy(max=...); give one of the two")
    if retry is None:
        count = _number("retries", options.get("retries", defaults.retries), 0, 1_000_000)
        retries = Retries(max=count, base=defaults.retry_base)
    else:
        retries = Retries(
            max=_number("retry.max", retry.max, 0, 1_000_000),
            base=span(retry.base, "retry.base"),
            factor=float(retry.factor),
            cap=span(retry.cap, "retry.cap"),
            jitter=bool(retry.jitter),
            retry_on=tuple(map(_type_name, retry.retry_on)),
            give_up_on=tuple(map(_type_name, retry.give_up_on)),
        )
    metadata = dict(options.get("metadata") or {})
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in metadata.items()):
        raise InvalidOption("metadata", "holds text by text only")
    return TaskPolicy(
        retries=retries,
        timeout=_span_or("timeout", options, defaults.timeout),
        deadline=_span_or("deadline", options, None),
        max_runtime=_span_or("max_runtime", options, None),
        keep=keep,
        metadata=metadata,
    )


def _span_or(option: str, options: Mapping[str, Any], default: Micros | None) -> Micros | None:
    if option not in options:
        return default
    value = options[option]
    return None if value is None else span(value, option)


def _number(option: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidOption(option, f"{value!r} is not a whole number from {least} to {most}")
    return value


def _tags(value: Any) -> tuple[str, ...]:
    tags = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(tag, str) and 0 < len(tag) <= 64 for tag in tags):
        raise InvalidOption("tags", "each is a text of 1 to 64 characters")
    return tags


def _until(key: Unique | None) -> tuple[Until, Micros]:
    if key is None:
        return Until.TERMINAL, 0
    if key.on_conflict not in ("return", "raise"):
        raise InvalidOption("unique", f"on_conflict={key.on_conflict!r}; use 'return' or 'raise'")
    if key.until == "terminal":
        return Until.TERMINAL, 0
    if key.until == "started":
        return Until.STARTED, 0
    return Until.WINDOW, span(key.until, "unique")


def _type_name(kind: type[BaseException] | str) -> str:
    return kind if isinstance(kind, str) else f"{module_name(kind.__module__)}:{kind.__qualname__}"


def _id(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise InvalidOption("id", f"{value!r} is no UUID") from None
