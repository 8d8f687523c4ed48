"""How a queued task ends without having run: by a cancel, or by its ttl."""

from __future__ import annotations

from collections.abc import Sequence

from omniq.models.values import Micros
from omniq.storage.records import TOMBSTONE
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges
from omniq_sqlite.tasks.follow_ups import FollowUps
from omniq_sqlite.tasks.rows import encode

__all__ = ("end_queued", "follow")


def end_queued(session: Session, seqs: Sequence[int], state: int, now: Micros) -> int:
    """Write a terminal state for tasks that wait or are ready, and free their keys; give how many there were.

    `follow` does what follows from it.
    """
    ended = session.change(
        "update task set state = ?1, finished_at = ?2, purge_at = ?2 + max(keep, ?3), held = null, missing = 0 "
        "where seq in (select value from json_each(?4)) and state <= 1",
        (state, now, TOMBSTONE, encode(list(seqs))),
    )
    session.finished = session.finished or ended > 0
    return ended


def follow(session: Session, seqs: Sequence[int], work: FollowUps) -> None:
    """Do what follows the bad ends of these tasks."""
    linked = session.rows(
        "select seq, id, links from task where seq in (select value from json_each(?)) and links > 0",
        (encode(list(seqs)),),
    )
    own = [seq for seq, _, links in linked if links & edges.CHILD]
    if own:
        edges.drop(session, own)
    work.follow([(task, False) for _, task, links in linked if links & edges.PARENT])
