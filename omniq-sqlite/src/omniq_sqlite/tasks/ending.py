"""How a queued task ends without having run: by a cancel, or by its ttl."""

from __future__ import annotations

from collections.abc import Sequence

from omniq.models.values import Micros
from omniq.storage.records import TOMBSTONE
from omniq_sqlite.session import Session
from omniq_sqlite.tasks.rows import encode

__all__ = ("end_queued",)


def end_queued(session: Session, seqs: Sequence[int], state: int, now: Micros) -> None:
    """Write a terminal state for tasks that wait or are ready; frees their keys."""
    session.change(
        "update task set state = ?1, finished_at = ?2, purge_at = ?2 + max(keep, ?3), held = null "
        "where seq in (select value from json_each(?4)) and state <= 1",
        (state, now, TOMBSTONE, encode(list(seqs))),
    )
    session.finished = True
