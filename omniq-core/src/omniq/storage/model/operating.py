"""What an operator or the housekeeping does: cancel, requeue, delete, pause, sweep."""

from __future__ import annotations

from collections.abc import Sequence

from omniq.models.states import State
from omniq.models.values import Micros
from omniq.storage.model.holding import forget_abandoned
from omniq.storage.model.record import CANCELLED, EXPIRED, READY, RUNNING, SUCCEEDED, Record
from omniq.storage.model.table import Table
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer, Swept

__all__ = ("cancel", "delete", "requeue", "set_paused", "sweep")


def cancel(table: Table, now: Micros, ids: Sequence[str]) -> list[CancelAnswer]:
    """Cancel what waits, flag what runs; see `BaseTaskQueue.cancel`."""
    return [_cancel(table, now, table.records.get(task_id)) for task_id in ids]


def requeue(table: Table, now: Micros, ids: Sequence[str], delay: Micros) -> list[RequeueAnswer]:
    """Put tasks that ended badly back to ready; see `BaseTaskQueue.requeue`."""
    return [_requeue(table, now, table.records.get(task_id), delay) for task_id in ids]


def delete(table: Table, ids: Sequence[str]) -> list[DeleteAnswer]:
    """Remove finished tasks; see `BaseTaskQueue.delete`."""
    return [_delete(table, table.records.get(task_id)) for task_id in ids]


def set_paused(table: Table, queues: Sequence[str], on: bool) -> None:
    """Stop or resume giving from these queues."""
    for name in queues:
        queue = table.queue(name)
        queue.paused = on
        if not on and table.changes is not None:
            table.changes.ready.extend([name] * queue.counts[READY])


def sweep(table: Table, now: Micros, limit: int) -> Swept:
    """Expire, then purge, `limit` tasks in all, then forget what is over; see `BaseTaskQueue.sweep`.

    `ended` has everything that ended on the way, children of the expired included.
    """
    ended: list[tuple[str, State]] = []
    done = 0
    while done < limit and (top := table.expiries.top()) is not None and top[0] <= now:
        table.expiries.pop()
        table.end(now, top[2], EXPIRED, told=ended)
        done += 1
    purged = 0
    while done < limit and (top := table.keeps.top()) is not None and top[0] <= now:
        table.keeps.pop()
        record = top[2]
        if table.edges.needed(record.task.id):
            continue  # comes back into the heap when its last live child ends
        table.remove(record)
        purged += 1
        done += 1
    done += table.keys.forget_windows(now, limit - done)
    forget_abandoned(table, now)
    return Swept(ended=ended, purged=purged, more=done >= limit)


def _cancel(table: Table, now: Micros, record: Record | None) -> CancelAnswer:
    if record is None:
        return CancelAnswer.MISSING
    if record.state == RUNNING:
        record.cancel = True
        return CancelAnswer.REQUESTED
    if record.state < SUCCEEDED:
        table.end(now, record, CANCELLED)
    return CancelAnswer.CANCELLED if record.state == CANCELLED else CancelAnswer.FINISHED


def _requeue(table: Table, now: Micros, record: Record | None, delay: Micros) -> RequeueAnswer:
    if record is None:
        return RequeueAnswer.MISSING
    if record.state <= SUCCEEDED:
        return RequeueAnswer.SUCCEEDED if record.state == SUCCEEDED else RequeueAnswer.LIVE
    task = record.task
    if task.unique is not None:
        holder = table.keys.holder(now, task.unique.digest, table.records)
        if holder not in (None, task.id):
            return RequeueAnswer.HELD
    record.epoch += 1
    record.claimed = record.cancel = False
    record.failures = record.crashes = record.releases = record.snoozes = 0
    record.reason = record.error = record.result = None
    record.note = b""
    record.finished_at = 0
    record.expires_at = None if task.ttl is None else now + task.ttl  # a given time has served
    record.enqueued_at = now
    record.run_at = now + delay
    if task.unique is not None:
        table.keys.renew(task.unique, task.id, record.epoch)
    if task.parents:
        table.edges.add(record)
    table.make_ready(record)
    return RequeueAnswer.REQUEUED


def _delete(table: Table, record: Record | None) -> DeleteAnswer:
    if record is None:
        return DeleteAnswer.MISSING
    if record.state < SUCCEEDED:
        return DeleteAnswer.LIVE
    if table.edges.needed(record.task.id):
        return DeleteAnswer.NEEDED
    table.remove(record)
    return DeleteAnswer.DELETED
