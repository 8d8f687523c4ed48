"""What is asked without changing anything: get, list, stats."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from omniq.models.states import State
from omniq.models.values import Micros
from omniq.storage.model.record import READY, SUCCEEDED, Record, present
from omniq.storage.model.table import Table
from omniq.storage.records import Page, QueueStats, TaskRecord, Where

__all__ = ("finished", "get", "page", "stats")

SCANNED = 1_000
"""Records that a page looks at beyond its limit before it ends short."""


def get(table: Table, ids: Sequence[str], payload: bool, result: bool) -> list[TaskRecord | None]:
    """Read tasks, one answer an id."""
    return [
        None if (record := table.records.get(task_id)) is None else present(record, payload=payload, result=result)
        for task_id in ids
    ]


def finished(table: Table, ids: Sequence[str]) -> list[str]:
    """Give those that are terminal or unknown, in input order, each once."""
    records = table.records
    return [
        task_id for task_id in dict.fromkeys(ids) if (found := records.get(task_id)) is None or found.state >= SUCCEEDED
    ]


def page(table: Table, where: Where, limit: int, after: str | None) -> Page:
    """Read a page, newest first by id.

    Raises:
        ValueError: `after` is no such value.
    """
    last = None if after is None else str(uuid.UUID(after))
    items: list[TaskRecord] = []
    for looked, task_id in enumerate(table.ids.before(last)):
        if looked == limit + SCANNED or len(items) == limit:
            return Page(items, last)
        last = task_id
        record = table.records[task_id]
        if _matches(record, where):
            items.append(present(record, payload=False, result=False))
    return Page(items)


def stats(table: Table, now: Micros, queues: Sequence[str] | None) -> list[QueueStats]:
    """Count the named queues, or all that have tasks or are paused, sorted by name."""
    names = sorted(set(queues)) if queues is not None else _known(table)
    return [_stats(table, now, name) for name in names]


def _known(table: Table) -> list[str]:
    return sorted(name for name, queue in table.queues.items() if queue.paused or any(queue.counts))


def _stats(table: Table, now: Micros, name: str) -> QueueStats:
    queue = table.queues.get(name)
    if queue is None:
        return QueueStats(queue=name, counts=dict.fromkeys(State, 0))
    first = queue.first() if queue.counts[READY] else None
    return QueueStats(
        queue=name,
        counts=dict(zip(State, queue.counts, strict=False)),
        oldest_ready=now - first if first is not None and first <= now else None,
        paused=queue.paused,
    )


def _matches(record: Record, where: Where) -> bool:
    task = record.task
    return not (
        (where.states and State.of(record.state) not in where.states)
        or (where.queue is not None and task.queue != where.queue)
        or (where.name is not None and task.name != where.name)
        or (where.tag is not None and where.tag not in task.tags)
        or (where.since is not None and record.created_at < where.since)
        or (where.until is not None and record.created_at >= where.until)
    )
