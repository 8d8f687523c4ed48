"""How a task comes in: the checks in their order, then one insert."""

from __future__ import annotations

from collections.abc import Sequence

from omniq.models.states import Reason, State
from omniq.models.values import Micros
from omniq.storage.model.indexes import LEVELS
from omniq.storage.model.record import FAILED, READY, SUCCEEDED, Record
from omniq.storage.model.table import Table
from omniq.storage.records import EnqueueAnswer, NewTask, Refusal

__all__ = ("check", "enqueue")


def enqueue(table: Table, now: Micros, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
    """Write new tasks; see `BaseTaskQueue.enqueue`.

    Raises:
        ValueError: a priority outside 0 to 9; nothing of the call was written.
    """
    check(tasks)
    answers: list[EnqueueAnswer] = []
    refused: set[str] = set()
    known = table.records
    for index, task in enumerate(tasks):
        if task.id in known or task.unique is not None or task.parents or task.insert_before is not None:
            answer = _refusal(table, now, index, task, refused)
            if answer is not None:
                answers.append(answer)
                if answer.what is not Refusal.KNOWN:
                    refused.add(task.id)
                continue
            refused.discard(task.id)
        _insert(table, now, task)
    return answers


def check(tasks: Sequence[NewTask]) -> None:
    """Refuse what no caller may send, before anything is written."""
    for task in tasks:
        if not 0 <= task.priority < LEVELS:
            raise ValueError(f"priority {task.priority} of task {task.id}: it must be 0 to 9")


def _refusal(table: Table, now: Micros, index: int, task: NewTask, refused: set[str]) -> EnqueueAnswer | None:
    found = table.records.get(task.id)
    if found is not None:
        if found.task.digest == task.digest:
            return EnqueueAnswer(index=index, id=task.id, what=Refusal.KNOWN, state=State.of(found.state))
        return EnqueueAnswer(index=index, id=task.id, what=Refusal.CONFLICT)
    if task.unique is not None:
        holder = table.keys.holder(now, task.unique.digest, table.records)
        if holder is not None:
            return EnqueueAnswer(index=index, id=task.id, what=Refusal.UNIQUE, holder=holder)
    for parent in task.parents:
        if parent in refused or parent not in table.records:
            return EnqueueAnswer(index=index, id=task.id, what=Refusal.PARENT, holder=parent)
    if task.insert_before is not None and now >= task.insert_before:
        return EnqueueAnswer(index=index, id=task.id, what=Refusal.LATE)
    return None


def _insert(table: Table, now: Micros, task: NewTask) -> None:
    table.seq = seq = table.seq + 1
    run_at = now + task.delay if task.run_at is None else max(now, task.run_at)
    expires_at = task.expires_at if task.ttl is None else now + task.ttl
    record = Record(task, seq, READY, run_at, now, now, expires_at, task.keep)
    if task.parents:
        record.state, record.missing = table.state_by_parents(task.parents, task.on_parent)
        if record.state >= SUCCEEDED:
            record.finished_at = now
            record.reason = Reason.PARENT if record.state == FAILED else None
    if task.unique is not None:
        table.keys.take(now, task.unique, task.id, 0)
    table.insert(record)
