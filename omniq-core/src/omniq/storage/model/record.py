"""One task as the model holds it: the task that came in, and what has become of it.

States are their codes here, since a comparison of two small ints is the hottest thing the model does. A
record refers to no other record, so it needs no garbage collector, and it is encoded as it stands.

Invariant: whoever writes `state` goes through `Table`, which keeps the indexes true.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from omniq.models.states import Reason, State
from omniq.models.values import Micros
from omniq.storage.records import TOMBSTONE, NewTask, TaskRecord

__all__ = (
    "CANCELLED",
    "EXPIRED",
    "FAILED",
    "GONE",
    "READY",
    "RUNNING",
    "SKIPPED",
    "SUCCEEDED",
    "WAITING",
    "Entry",
    "Record",
    "keep_until",
    "present",
)

WAITING, READY, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED, SKIPPED = (state.code for state in State)
GONE = len(State)
"""The state of a record that was removed, so that what an index still holds of it is seen to be stale."""


class Record(msgspec.Struct, array_like=True, gc=False, eq=False):
    """One task. What NewTask says never changes and is read from there."""

    task: NewTask
    seq: int
    state: int
    run_at: Micros
    created_at: Micros
    enqueued_at: Micros
    expires_at: Micros | None
    keep: Micros
    attempt: int = 0
    claim_id: int = 0
    failures: int = 0
    crashes: int = 0
    releases: int = 0
    snoozes: int = 0
    epoch: int = 0
    claimed: bool = False
    """In this epoch."""
    cancel: bool = False
    reason: Reason | None = None
    started_at: Micros | None = None
    finished_at: Micros = 0
    lease_until: Micros = 0
    lease_key: Micros = 0
    """Under which the lease heap holds it; at most lease_until, so that a renewal touches no heap."""
    worker: str | None = None
    note: bytes = b""
    error: bytes | None = None
    result: bytes | None = None
    missing: dict[str, bool] | None = None
    """The parents that have not ended, in their order; None where there are none."""


Entry: TypeAlias = tuple[Micros, int, Record]
"""A place in a heap: key, then seq; where both are equal it is one record, so records are never compared."""


def keep_until(record: Record) -> Micros:
    """Say when a finished record may go."""
    return record.finished_at + (record.keep if record.keep > TOMBSTONE else TOMBSTONE)


def present(record: Record, *, payload: bool, result: bool) -> TaskRecord:
    """Show a record to a reader."""
    task = record.task
    terminal = record.state >= SUCCEEDED
    return TaskRecord(
        id=task.id,
        name=task.name,
        queue=task.queue,
        state=State.of(record.state),
        priority=task.priority,
        attempt=record.attempt,
        claim_id=record.claim_id,
        failures=record.failures,
        crashes=record.crashes,
        releases=record.releases,
        snoozes=record.snoozes,
        epoch=record.epoch,
        cancel=record.cancel,
        reason=record.reason,
        run_at=record.run_at,
        created_at=record.created_at,
        enqueued_at=record.enqueued_at,
        started_at=record.started_at,
        finished_at=record.finished_at if terminal else None,
        expires_at=record.expires_at,
        lease_until=record.lease_until if record.state == RUNNING else None,
        worker=record.worker,
        keep=record.keep,
        parents=task.parents,
        on_parent=task.on_parent,
        tags=task.tags,
        policy=task.policy,
        digest=task.digest,
        note=record.note,
        error=record.error,
        payload=task.payload if payload else None,
        result=record.result if result else None,
    )
