"""What may be said about a task when it is declared or enqueued, and what it means.

The dicts are for the type checker, `judged` and `resolve` for everybody else: what makes no sense is refused
where it is written, and `resolve` gives the struct that packing takes.

Invariant: later words win: settings, declaration, `options(...)`. Words that exclude each other are one choice,
so a later one takes the place of the other; both in one call are a contradiction.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn, Self, TypedDict
from uuid import UUID

import msgspec

from omniq.client.retrying import MOST_RETRIES, RetryPolicy, retries_of
from omniq.client.unique import Unique, unique_of, until_of
from omniq.config.resolve import Config
from omniq.errors import InvalidOption, NotSupported
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.values import (
    DAY,
    SECOND,
    Duration,
    Micros,
    at_micros,
    check_name,
    check_task_name,
    span,
    span_text,
    wall_clock,
    whole,
)
from omniq.packing import Enqueue

__all__ = (
    "MAX_TAGS",
    "DeclareOptions",
    "Defaults",
    "RetryPolicy",
    "TaskOptions",
    "Unique",
    "check_options",
    "judged",
    "merged",
    "resolve",
)

MAX_TAGS = 64


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
    """Refuse what is no option, or none here; `resolve` judges the values.

    Raises:
        InvalidOption: the name is unknown; the text has the nearest one.
        NotSupported: the name is known, and the store (asked for its name only then) does not offer it.
    """
    allowed = _DECLARE if declaring else _ENQUEUE
    for option in options:
        if option not in allowed:
            _refuse(option, allowed, store)


def judged(options: Mapping[str, Any], store: Callable[[], str], *, declaring: bool = False) -> dict[str, Any]:
    """Give back the options of one call if all of them make sense; what can be read once is read now.

    Raises:
        InvalidOption, InvalidName, NaiveDatetime, NotSupported: as `check_options` and `resolve`.
    """
    check_options(options, store, declaring=declaring)
    given = dict(options)
    if isinstance(given.get("tags"), Iterable):
        given["tags"] = _tags(given["tags"])
    if "name" in given:
        check_task_name(given["name"])
    resolve(given, _NONE)
    return given


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Put later words over earlier ones."""
    found = dict(below)
    for pair in _EXCLUSIVE:
        if any(above.get(option) is not None for option in pair):
            for option in pair:
                found.pop(option, None)
    return {**found, **above}


_EXCLUSIVE = (("retries", "retry"), ("delay", "run_at"))


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
    for first, second in _EXCLUSIVE:
        if get(first) is not None and get(second) is not None:
            raise InvalidOption(second, f"excludes {first}; give one of the two")
    unique = unique_of(get("unique"))
    until, window = until_of(unique)
    run_at = get("run_at")
    result_ttl = defaults.result_ttl if get("result_ttl") is None else span(options["result_ttl"], "result_ttl")
    enqueue = Enqueue(
        queue=check_name("queue", get("queue", "default")),
        priority=whole("priority", get("priority", 5), 0, 9),
        delay=span(get("delay", 0), "delay"),
        run_at=None if run_at is None else at_micros(run_at, "run_at"),
        ttl=_span_or("ttl", options, defaults.ttl),
        keep=result_ttl,
        unique_key=None if unique is None else unique.key,
        until=until,
        window=window,
        raise_on_conflict=unique is not None and unique.on_conflict == "raise",
        policy=_policy(options, defaults, keep=result_ttl),
        tags=_tags(get("tags", ())),
        id=_id(get("id")),
    )
    _check_limits(enqueue)
    return enqueue


def _check_limits(enqueue: Enqueue) -> None:
    """Refuse limits that leave no time to start, or end the renewal of a body that may still run."""
    policy = enqueue.policy
    if policy.max_runtime is not None and policy.timeout is not None and policy.max_runtime < policy.timeout:
        short, long = span_text(policy.max_runtime), span_text(policy.timeout)
        raise InvalidOption("max_runtime", f"is {short}, less than timeout={long}: the body would run beside itself")
    start, said = enqueue.delay, "delay"
    if enqueue.run_at is not None:
        start, said = enqueue.run_at - wall_clock(), "run_at"
    for name, limit in (("ttl", enqueue.ttl), ("deadline", policy.deadline)):
        if limit is not None and 0 < limit <= start:
            over, late = span_text(limit), span_text(start)
            raise InvalidOption(name, f"is over after {over}, before {said} lets it start, in {late}; make it longer")


_NONE = Defaults()


@lru_cache(maxsize=8)
def _plain(defaults: Defaults) -> Enqueue:
    return Enqueue(
        ttl=defaults.ttl,
        keep=defaults.result_ttl,
        policy=_policy({}, defaults, keep=defaults.result_ttl),
    )


def _policy(options: Mapping[str, Any], defaults: Defaults, *, keep: Micros) -> TaskPolicy:
    retry = options.get("retry")
    if retry is None:
        count = whole("retries", options.get("retries", defaults.retries), 0, MOST_RETRIES)
        retries = Retries(max=count, base=defaults.retry_base)
    else:
        retries = retries_of(retry)
    return TaskPolicy(
        retries=retries,
        timeout=_span_or("timeout", options, defaults.timeout),
        deadline=_span_or("deadline", options, None),
        max_runtime=_span_or("max_runtime", options, None),
        keep=keep,
        metadata=_metadata(options.get("metadata")),
    )


def _span_or(option: str, options: Mapping[str, Any], default: Micros | None) -> Micros | None:
    if option not in options:
        return default
    value = options[option]
    if value is None:
        return None
    micros = span(value, option)
    if micros == 0:
        raise InvalidOption(option, f"{value!r} leaves no time; write a duration above 0, or None for no limit")
    return micros


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidOption("metadata", f"a {type(value).__name__} is no mapping; write {{'key': 'text'}}")
    if not all(_is_text(part) for pair in value.items() for part in pair):
        raise InvalidOption("metadata", "holds text by text only")
    return dict(value)


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Iterable):
        raise InvalidOption("tags", f"a {type(value).__name__} is no list of texts")
    tags = (value,) if isinstance(value, str) else tuple(value)
    if not all(_is_text(tag) and 0 < len(tag) <= 64 for tag in tags):
        raise InvalidOption("tags", "each is a text of 1 to 64 characters")
    if len(tags) > MAX_TAGS:
        raise InvalidOption("tags", f"these are {len(tags)}, the limit is {MAX_TAGS}; metadata holds more")
    return tags


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _id(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise InvalidOption("id", f"{value!r} is no UUID") from None
