"""Events in one file: an append-only history with a bounded age, in columns.

Invariant: numbers of events rise in the order in which they become visible and are never given twice, so whoever
reads on behind a number misses nothing that was appended since.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from omniq.models.event import EventType, TaskEvent
from omniq.models.values import Micros
from omniq.storage.base import Capabilities, Durability, Feature
from omniq.storage.events import BaseEventStorage, EventFilter, EventPage
from omniq_sqlite.session import Session
from omniq_sqlite.store import SQLiteStore
from omniq_sqlite.tasks.rows import encode, insert

__all__ = ("SQLiteEventStorage",)

_SCAN = 1000
"""Rows that one page looks at, at most: a filter that fits few makes short pages, not long transactions."""
_FIELDS = "id, type, at, task, name, queue, attempt, worker, schedule, message"


class SQLiteEventStorage(SQLiteStore, BaseEventStorage):
    """Events of one project in one file."""

    @property
    def capabilities(self) -> Capabilities:
        full = self._options.synchronous == "FULL"
        return Capabilities(
            features=Feature.DIRECT,
            batch_atomic=1 << 30,
            max_payload=64 << 20,
            max_parents=0,
            durability=Durability.POWER if full else Durability.CRASH,
        )

    async def append(self, events: Sequence[TaskEvent]) -> None:
        if events:
            await self._database.run(partial(_append, events=events), rows=len(events))

    async def read(self, where: EventFilter, *, after: str | None = None, limit: int = 100) -> EventPage:
        return await self._database.run(partial(_read, where=where, after=after, limit=limit), writes=False)

    async def purge(self, before: Micros, limit: int) -> int:
        return await self._database.run(partial(_purge, before=before, limit=limit))


def _append(session: Session, events: Sequence[TaskEvent]) -> None:
    insert(
        session,
        "event",
        f"project, {_FIELDS}",
        [
            (
                session.project, one.id, one.type, one.at, one.task_id, one.name, one.queue, one.attempt, one.worker,
                one.schedule, one.message,
            )
            for one in events
        ],
    )  # fmt: skip


def _read(session: Session, where: EventFilter, *, after: str | None, limit: int) -> EventPage:
    """Read a page of at most _SCAN rows behind a place.

    Raises:
        ValueError: `after` is no such value.
    """
    place = _start(session, where) if after is None else _place(after)
    conditions, values = _conditions(where)
    of_task = "" if where.task_id is None else "and task = ? and task <> '' "
    rows = session.rows(
        f"select seq, {conditions}, {_FIELDS} from event where project = ? and seq > ? {of_task}order by seq limit ?",
        (*values, session.project, place, *(() if where.task_id is None else (where.task_id,)), _SCAN),
    )
    items: list[TaskEvent] = []
    last = place
    for seq, fits, *fields in rows:
        if len(items) == limit:
            return EventPage(items, str(last))
        last = seq
        if fits:
            items.append(_event(fields))
    return EventPage(items, str(last) if items or len(rows) == _SCAN else None)


def _place(after: str) -> int:
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise ValueError(f"{after!r} is no mark of a page of events; give the `next` of the page before")
    return int(after)


def _start(session: Session, where: EventFilter) -> int:
    """Give the number before the first event that is young enough; only the index of times is walked."""
    if where.since is None:
        return 0
    row = session.row(
        "select min(seq) from event indexed by v_at where project = ? and at >= ?", (session.project, where.since)
    )
    return 0 if row[0] is None else int(row[0]) - 1


def _conditions(where: EventFilter) -> tuple[str, list[Any]]:
    parts = ["1"]
    values: list[Any] = []
    if where.types:
        parts.append("type in (select value from json_each(?))")
        values.append(encode(sorted(where.types)))
    for column, value in (("queue = ?", where.queue), ("name = ?", where.name), ("at >= ?", where.since)):
        if value is not None:
            parts.append(column)
            values.append(value)
    if where.until is not None:
        parts.append("at < ?")
        values.append(where.until)
    return " and ".join(parts), values


def _purge(session: Session, *, before: Micros, limit: int) -> int:
    return session.change(
        "delete from event where seq in (select seq from event where project = ? and at < ? order by at, seq limit ?)",
        (session.project, before, limit),
    )


def _event(fields: Sequence[Any]) -> TaskEvent:
    task_id, kind, at, task, name, queue, attempt, worker, schedule, message = fields
    return TaskEvent(
        id=task_id, type=EventType(kind), at=at, task_id=task, name=name, queue=queue, attempt=attempt,
        worker=worker, schedule=schedule, message=message,
    )  # fmt: skip
