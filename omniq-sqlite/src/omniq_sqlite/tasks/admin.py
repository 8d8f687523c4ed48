"""What operators do: cancel, requeue, delete, pause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omniq.models.states import State
from omniq.models.values import Micros
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges, keys
from omniq_sqlite.tasks.ending import end_queued, follow
from omniq_sqlite.tasks.follow_ups import FollowUps
from omniq_sqlite.tasks.removing import remove
from omniq_sqlite.tasks.rows import CANCELLED, RUNNING, SUCCEEDED, blob_id

__all__ = ("cancel", "delete", "requeue", "set_paused")


def cancel(session: Session, ids: Sequence[str]) -> tuple[list[CancelAnswer], bool]:
    """Cancel what waits, flag what runs; say too whether something that follows is left to be carried out."""
    now = session.now()
    work = FollowUps(session, now)
    return [_cancel(session, one, work, now) for one in ids], work.left_over


def _cancel(session: Session, task: str, work: FollowUps, now: Micros) -> CancelAnswer:
    row = _find(session, task, "seq, state, links")
    if row is None:
        return CancelAnswer.MISSING
    seq, state, links = row
    if state < RUNNING:
        end_queued(session, [seq], CANCELLED, now)
        if links:
            follow(session, [seq], work)
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
    row = _find(session, task, "seq, state, ukey, links, parents")
    if row is None:
        return RequeueAnswer.MISSING
    seq, state, key, links, parents = row
    if not State.of(state).terminal:
        return RequeueAnswer.LIVE
    if state == SUCCEEDED:
        return RequeueAnswer.SUCCEEDED
    if key is not None and keys.holder(session, key, now) not in (None, task):
        return RequeueAnswer.HELD
    session.change(
        "update task set state = 1, run_at = ?1, enqueued_at = ?2, epoch = epoch + 1, failures = 0, crashes = 0, "
        "releases = 0, snoozes = 0, cancel = 0, reason = null, error = null, result = null, note = null, "
        "finished_at = null, purge_at = null, lease_until = null, "
        "held = case until when 2 then null else ukey end, expires_at = ?2 + ttl where seq = ?3",
        (now + delay, now, seq),
    )
    session.change("update big set result = null where seq = ?", (seq,))
    if links & edges.CHILD:
        edges.renew(session, seq, edges.parents_of(session, seq, links, parents))
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
    if edges.is_needed(session, blob_id(task)):
        return DeleteAnswer.NEEDED
    remove(session, [row[0]])
    session.finished = True  # who waits for it learns that it is gone
    return DeleteAnswer.DELETED


def set_paused(session: Session, queues: Sequence[str], on: bool) -> None:
    """Stop or resume giving from these queues."""
    for name in queues:
        session.change("update queue set paused = ? where id = ?", (int(on), session.make_queue(name)))
    session.work = session.work or not on


def _find(session: Session, task: str, columns: str) -> Any:
    return session.row(f"select {columns} from task where project = ? and id = ?", (session.project, blob_id(task)))
