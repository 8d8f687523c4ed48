"""Filters for tasks, and records as a person reads them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from omniq.errors import InvalidOption
from omniq.models.policy import PLAIN, load_policy
from omniq.models.states import State
from omniq.models.task import Task
from omniq.models.values import Duration, Micros, at_micros, span, to_datetime
from omniq.storage.records import TaskRecord, Where

__all__ = ("Filter", "Which", "as_task", "ids_of", "states_of", "where")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks; None and empty mean any. `since` is a time, or a duration back from now."""

    state: State | str | Iterable[State | str] | None = None
    queue: str | None = None
    name: str | None = None
    tag: str | None = None
    since: datetime | Duration | None = None


class Which(TypedDict, total=False):
    """A `Filter` as keywords, for the type checker."""

    state: State | str | Iterable[State | str] | None
    queue: str | None
    name: str | None
    tag: str | None
    since: datetime | Duration | None


def where(which: Filter, now: Micros) -> Where:
    """Turn a filter into the store's; `now` is the store's time."""
    since = which.since
    if since is not None and not isinstance(since, datetime):
        start: Micros | None = now - span(since, "since")
    else:
        start = None if since is None else at_micros(since, "since")
    return Where(
        states=states_of(which.state),
        queue=which.queue,
        name=which.name,
        tag=which.tag,
        since=start,
    )


def ids_of(given: str | Iterable[str]) -> list[str]:
    """List the ids of tasks.

    Raises:
        InvalidOption: one is no text.
    """
    listed: list[Any] = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    for one in listed:
        if not isinstance(one, str):
            raise InvalidOption("id", f"a {type(one).__name__} is no id; pass the text of a handle's id")
    return listed


def states_of(given: State | str | Iterable[State | str] | None) -> frozenset[State]:
    """Give the states of a filter.

    Raises:
        InvalidOption: one is no state.
    """
    named = (given,) if isinstance(given, str) else given or ()
    if not isinstance(named, Iterable):
        raise InvalidOption("state", f"a {type(named).__name__} is no state; use one of {', '.join(State)}")
    return frozenset(_state(one) for one in named)


def _state(given: State | str) -> State:
    try:
        return State(given)
    except ValueError:
        near = difflib.get_close_matches(str(given), list(State), 1)
        advice = f"did you mean {str(near[0])!r}?" if near else f"use one of {', '.join(State)}"
        raise InvalidOption("state", f"{given!r:.60} is no state; {advice}") from None


def as_task(record: TaskRecord) -> Task:
    """Show a stored record."""
    try:
        policy = load_policy(record.policy)
    except ValueError:  # written by somebody else: the rest of the record is still worth seeing
        policy = PLAIN
    return Task(
        id=record.id,
        name=record.name,
        queue=record.queue,
        state=record.state,
        reason=record.reason,
        priority=record.priority,
        attempt=record.attempt,
        failures=record.failures,
        crashes=record.crashes,
        releases=record.releases,
        snoozes=record.snoozes,
        cancel_requested=record.cancel,
        run_at=to_datetime(record.run_at),
        created_at=to_datetime(record.created_at),
        started_at=_time(record.started_at),
        finished_at=_time(record.finished_at),
        expires_at=_time(record.expires_at),
        worker=record.worker,
        parents=record.parents,
        tags=record.tags,
        metadata=policy.metadata,
    )


def _time(micros: Micros | None) -> datetime | None:
    return None if micros is None else to_datetime(micros)
