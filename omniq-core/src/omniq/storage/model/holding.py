"""What concerns a lease: claim, abandon, extend, settle, reclaim.

Each operation of a holder carries the fence, checked task by task; a mismatch writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from omniq.models.states import Counter, State, settled_state
from omniq.models.values import Micros
from omniq.storage.model.entering import check, enqueue
from omniq.storage.model.record import EXPIRED, READY, RUNNING, SUCCEEDED, Record
from omniq.storage.model.table import Lot, Table
from omniq.storage.records import (
    ABANDONED_FOR,
    Claimed,
    ClaimedTask,
    ExtendAnswer,
    Fence,
    Hold,
    SettleAnswer,
    Settlement,
    Trouble,
)

__all__ = ("MAX_EXPIRED", "abandon", "claim", "extend", "forget_abandoned", "next_due", "reclaim", "settle")

MAX_EXPIRED = 1_000
"""Expired tasks that one claim clears away; past it, it answers with what it has."""

_SETTLED = (State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED)


def claim(
    table: Table, now: Micros, queues: Sequence[str], limit: int, lease: Micros, worker: str, claim_id: int
) -> Claimed:
    """Give ready tasks to one holder; see `BaseTaskQueue.claim`. Never waits.

    What had expired on the way ends after the walk: children that become ready by it are for the next claim.
    """
    tasks: list[ClaimedTask] = []
    past: dict[str, Record] = {}  # by id: a heap may hold one that was requeued twice
    if limit <= 0 or _is_abandoned(table, now, claim_id):
        return Claimed(tasks=tasks, now=now)
    lot = table.claims.get(claim_id) or Lot()
    until = now + lease
    for name in queues:
        queue = table.queues.get(name)
        if queue is None or queue.paused or not queue.counts[READY]:
            continue
        counts = queue.counts
        for level in reversed(queue.levels):
            while (top := level.top()) is not None and top[0] <= now:
                record = top[2]
                if record.expires_at is not None and record.expires_at <= now:
                    if len(past) == MAX_EXPIRED:
                        break
                    level.pop()
                    past[record.task.id] = record
                    continue
                level.pop()
                counts[READY] -= 1
                counts[RUNNING] += 1
                record.state = RUNNING
                record.attempt += 1
                record.claimed = True
                record.started_at = now
                table.lease(record, until, worker, claim_id, lot)
                tasks.append(_claimed(record, record.task.payload))
                if len(tasks) == limit:
                    table.claims[claim_id] = lot
                    return Claimed(tasks=tasks, expired=_expire(table, now, past), now=now)
    if tasks:
        table.claims[claim_id] = lot
    expired = _expire(table, now, past)
    return Claimed(tasks=tasks, expired=expired, next_due=next_due(table, now, queues), now=now)


def _expire(table: Table, now: Micros, past: dict[str, Record]) -> list[str]:
    for record in past.values():
        table.end(now, record, EXPIRED)
    return list(past)


def next_due(table: Table, now: Micros, queues: Sequence[str]) -> Micros | None:
    """Say how long it is until a task of these queues can be had; None when there is none."""
    first: Micros | None = None
    for name in queues:
        queue = table.queues.get(name)
        if queue is None or queue.paused:
            continue
        found = queue.first()
        if found is not None and (first is None or found < first):
            first = found
    return None if first is None else max(0, first - now)


def abandon(table: Table, now: Micros, claim_id: int) -> None:
    """Undo a claim, and refuse it for a minute; see `BaseTaskQueue.abandon`."""
    forget_abandoned(table, now)
    table.abandoned.pop(claim_id, None)
    table.abandoned[claim_id] = now + ABANDONED_FOR
    for record in table.claims.get(claim_id, Lot())[:]:
        if record.state == RUNNING and record.claim_id == claim_id:
            record.releases += 1
            table.unlease(record)
            table.make_ready(record)


def forget_abandoned(table: Table, now: Micros) -> None:
    """Drop the marks that are over."""
    while table.abandoned:
        oldest = next(iter(table.abandoned))
        if table.abandoned[oldest] > now:
            return
        del table.abandoned[oldest]


def extend(table: Table, now: Micros, holds: Sequence[Hold], lease: Micros) -> list[ExtendAnswer]:
    """Renew leases; see `BaseTaskQueue.extend`."""
    answers = []
    for hold in holds:
        record = _held(table, hold.fence)
        if record is None or record.state != RUNNING:
            answers.append(ExtendAnswer(hold.fence.task_id, Trouble.LOST))
            continue
        record.lease_until = max(record.lease_until, now + lease)
        if hold.note is not None:
            record.note = hold.note
        if record.cancel:
            answers.append(ExtendAnswer(hold.fence.task_id, Trouble.CANCEL))
    return answers


def settle(table: Table, now: Micros, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
    """Write how attempts ended; see `BaseTaskQueue.settle`.

    Raises:
        ValueError: a state that no settlement can ask for; nothing of the call was written.
    """
    for settlement in settlements:
        if settlement.to not in _SETTLED:
            raise ValueError(f"a settlement cannot ask for {settlement.to}")
        check(settlement.after)
    answers = []
    for settlement in settlements:
        record = _held(table, settlement.fence)
        if record is None:
            trouble: Trouble | None = Trouble.LOST
        elif record.state == RUNNING:
            trouble = _write(table, now, record, settlement)
        else:
            trouble = _repeated(record, settlement.to)
        if trouble is not None:
            answers.append(SettleAnswer(settlement.fence.task_id, trouble))
    return answers


def reclaim(table: Table, now: Micros, limit: int, lease: Micros, worker: str, claim_id: int) -> list[ClaimedTask]:
    """Take over what nobody renews; see `BaseTaskQueue.reclaim`."""
    tasks: list[ClaimedTask] = []
    if _is_abandoned(table, now, claim_id):
        return tasks
    lot = table.claims.get(claim_id) or Lot()
    leases = table.leases
    while len(tasks) < limit and (top := leases.top()) is not None and top[0] <= now:
        record = top[2]
        leases.pop()
        if record.lease_until > top[0]:  # renewed since: its entry moves only now
            record.lease_key = record.lease_until
            leases.push((record.lease_key, record.seq, record))
            continue
        table.unlease(record)
        table.lease(record, now + lease, worker, claim_id, lot)
        tasks.append(_claimed(record, b""))
    if tasks:
        table.claims[claim_id] = lot
    return tasks


def _write(table: Table, now: Micros, record: Record, settlement: Settlement) -> Trouble | None:
    asked = settlement.to
    state = settled_state(asked, cancel_requested=record.cancel)
    if settlement.note is not None:
        record.note = settlement.note
    if state is asked:
        record.error = settlement.error
        if settlement.count is not None:
            _count(record, settlement.count)
    if state is State.READY:
        if settlement.delay is not None:
            record.run_at = now + settlement.delay
        table.unlease(record)
        table.make_ready(record)
    else:
        if settlement.keep is not None:
            record.keep = settlement.keep
        if state is State.SUCCEEDED:
            record.result = settlement.result
        table.end(now, record, state.code, settlement.reason if state is asked else None)
    if state is not asked:
        return Trouble.CANCELLED
    if settlement.after:
        enqueue(table, now, settlement.after)
    return None


def _repeated(record: Record, asked: State) -> Trouble | None:
    """Answer the fence of an attempt that runs no more; what is written already is fine, and told alike."""
    written = settled_state(asked, cancel_requested=record.cancel)
    if record.state != written.code:
        return Trouble.DONE if record.state >= SUCCEEDED else Trouble.LOST
    return None if written is asked else Trouble.CANCELLED


def _count(record: Record, counter: Counter) -> None:
    match counter:
        case Counter.FAILURES:
            record.failures += 1
        case Counter.CRASHES:
            record.crashes += 1
        case Counter.RELEASES:
            record.releases += 1
        case Counter.SNOOZES:
            record.snoozes += 1


def _held(table: Table, fence: Fence) -> Record | None:
    record = table.records.get(fence.task_id)
    if record is None or record.claim_id != fence.claim_id or record.attempt != fence.attempt:
        return None
    return record


def _claimed(record: Record, payload: bytes) -> ClaimedTask:
    task = record.task
    return ClaimedTask(
        fence=Fence(task.id, record.attempt, record.claim_id),
        ref=record.seq,
        name=task.name,
        queue=task.queue,
        priority=task.priority,
        payload=payload,
        policy=task.policy,
        failures=record.failures,
        crashes=record.crashes,
        releases=record.releases,
        snoozes=record.snoozes,
        cancel=record.cancel,
        enqueued_at=record.enqueued_at,
        note=record.note,
    )


def _is_abandoned(table: Table, now: Micros, claim_id: int) -> bool:
    return bool(table.abandoned) and table.abandoned.get(claim_id, 0) > now
