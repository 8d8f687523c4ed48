"""What operators and housekeeping do: cancel, requeue, delete, pause, sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omniq.models.states import State
from omniq.models.values import Micros
from omniq.storage.records import ABANDONED_FOR, CancelAnswer, DeleteAnswer, RequeueAnswer, Swept
from omniq_sqlite.session import Session
from omniq_sqlite.tasks.ending import end_queued
from omniq_sqlite.tasks.rows import CANCELLED, EXPIRED, RUNNING, SUCCEEDED, blob_id, encode, text_id

__all__ = ("cancel", "delete", "requeue", "set_paused", "sweep")


def cancel(session: Session, ids: Sequence[str]) -> list[CancelAnswer]:
    """Cancel what waits, flag what runs."""
    now = session.now()
    return [_cancel(session, one, now) for one in ids]


def _cancel(session: Session, task: str, now: Micros) -> CancelAnswer:
    row = _find(session, task, "seq, state")
    if row is None:
        return CancelAnswer.MISSING
    seq, state = row
    if state < RUNNING:
        end_queued(session, [seq], CANCELLED, now)
        return CancelAnswer.CANCELLED
    if state == RUNNING:
        session.change("update task set cancel = 1 where seq = ?", (seq,))
        return CancelAnswer.REQUESTED
    return CancelAnswer.CANCELLED if state == CANCELLED else CancelAnswer.FINISHED


def requeue(session: Session, ids: Sequence[str], *, delay: Micros) -> list[RequeueAnswer]:
    """Put tasks that ended badly back to ready."""
    now = session.now()
    return [_requeue(session, one, now, delay) for one in ids]


def _requeue(session: Session, task: str, now: Micros, delay: Micros) -> RequeueAnswer:
    row = _find(session, task, "seq, state, ukey")
    if row is None:
        return RequeueAnswer.MISSING
    seq, state, key = row
    if not State.of(state).terminal:
        return RequeueAnswer.LIVE
    if state == SUCCEEDED:
        return RequeueAnswer.SUCCEEDED
    if key is not None and session.row("select 1 from task where project = ? and held = ?", (session.project, key)):
        return RequeueAnswer.HELD
    session.change(
        "update task set state = 1, run_at = ?1, enqueued_at = ?2, epoch = epoch + 1, failures = 0, crashes = 0, "
        "releases = 0, snoozes = 0, cancel = 0, reason = null, error = null, result = null, note = null, "
        "finished_at = null, purge_at = null, lease_until = null, held = ukey, expires_at = ?2 + ttl where seq = ?3",
        (now + delay, now, seq),
    )
    session.change("update big set result = null where seq = ?", (seq,))
    session.work = True
    return RequeueAnswer.REQUEUED


def delete(session: Session, ids: Sequence[str]) -> list[DeleteAnswer]:
    """Remove finished tasks."""
    return [_delete(session, one) for one in ids]


def _delete(session: Session, task: str) -> DeleteAnswer:
    row = _find(session, task, "seq, state")
    if row is None:
        return DeleteAnswer.MISSING
    if not State.of(row[1]).terminal:
        return DeleteAnswer.LIVE
    _remove(session, [row[0]])
    session.finished = True  # who waits for it learns that it is gone
    return DeleteAnswer.DELETED


def set_paused(session: Session, queues: Sequence[str], on: bool) -> None:
    """Stop or resume giving from these queues."""
    for name in queues:
        session.change("update queue set paused = ? where id = ?", (int(on), session.make_queue(name)))
    session.work = session.work or not on


def sweep(session: Session, limit: int) -> Swept:
    """Expire what is past its ttl, remove what is past its time, `limit` rows in all."""
    now = session.now()
    past = session.rows(
        "select seq, id from task where project = ? and state <= 1 and expires_at is not null and expires_at <= ? "
        "order by expires_at limit ?",
        (session.project, now, limit),
    )
    if past:
        end_queued(session, [seq for seq, _ in past], EXPIRED, now)
    gone = session.rows(
        "select seq from task where project = ? and state >= 3 and purge_at <= ? order by purge_at limit ?",
        (session.project, now, limit - len(past)),
    )
    if gone:
        _remove(session, [seq for (seq,) in gone])
    session.change("delete from abandoned where at <= ?", (now - ABANDONED_FOR,))
    return Swept(
        ended=[(text_id(task), State.EXPIRED) for _, task in past],
        purged=len(gone),
        more=len(past) + len(gone) >= limit,
    )


def _remove(session: Session, seqs: Sequence[int]) -> None:
    which = encode(list(seqs))
    session.change("delete from big where seq in (select value from json_each(?))", (which,))
    session.change("delete from task where seq in (select value from json_each(?))", (which,))


def _find(session: Session, task: str, columns: str) -> Any:
    return session.row(f"select {columns} from task where project = ? and id = ?", (session.project, blob_id(task)))
