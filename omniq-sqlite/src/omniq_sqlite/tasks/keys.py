"""Unique keys that are held for a time, whatever became of the task that took them.

A key that follows the life of its task stands in the task's row (`held`) and is freed by the same update that
ends the task. A timed one outlives its task, so it has a small table of its own.

Invariant: a key is never in both at once, since whoever takes one has seen that the other is free.
"""

from __future__ import annotations

from omniq.models.values import Micros
from omniq.storage.records import NewTask, UniqueKey
from omniq_sqlite.session import Session
from omniq_sqlite.tasks.rows import blob_id, text_id

__all__ = ("any_timed", "forget", "holder", "take")


def any_timed(session: Session, now: Micros) -> bool:
    """Say whether any timed key is held: if none is, enqueue need not look for one."""
    return session.row("select 1 from timed where project = ? and ends > ?", (session.project, now)) is not None


def holder(session: Session, digest: bytes, now: Micros) -> str | None:
    """Say which task holds a key now, by its life or for a time."""
    row = session.row(
        "select id from task where project = ?1 and held = ?2 "
        "union all select task from timed where project = ?1 and key = ?2 and ends > ?3",
        (session.project, digest, now),
    )
    return None if row is None else text_id(row[0])


def take(session: Session, task: NewTask, key: UniqueKey, now: Micros) -> None:
    """Hold a free key for its time."""
    session.change(
        "insert or replace into timed(project, key, task, ends) values (?, ?, ?, ?)",
        (session.project, key.digest, blob_id(task.id), now + key.window),
    )


def forget(session: Session, now: Micros, limit: int) -> int:
    """Remove up to `limit` keys whose time is over; give how many."""
    if limit <= 0:
        return 0
    return session.change(
        "delete from timed where project = ?1 and key in "
        "(select key from timed where project = ?1 and ends <= ?2 order by ends limit ?3)",
        (session.project, now, limit),
    )
