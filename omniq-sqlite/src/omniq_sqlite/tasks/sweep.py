"""Housekeeping in bounded pieces: what every worker does now and then, and no leader.

Expire what is past its ttl, carry out what endings owe, look again at the parents of those that wait for long,
remove what is past its time.

Invariant: each piece is one transaction of at most `limit` tasks and BUDGET follow-ups, whatever stands in line.
"""

from __future__ import annotations

from itertools import groupby

from omniq.models.states import State
from omniq.models.values import Micros
from omniq.storage.records import ABANDONED_FOR, PARENT_RECHECK, Swept
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges, keys
from omniq_sqlite.tasks.ending import end_queued, follow
from omniq_sqlite.tasks.follow_ups import FollowUps
from omniq_sqlite.tasks.removing import remove
from omniq_sqlite.tasks.rows import EXPIRED, SUCCEEDED, encode, text_id

__all__ = ("sweep",)


def sweep(session: Session, limit: int) -> Swept:
    """Do one piece; `ended` has children that end with what expired."""
    now = session.now()
    told: list[tuple[str, State]] = []
    work = FollowUps(session, now, told=told)
    if work.waits:
        work.carry_on()
    done = 0 if work.waits else _expire(session, work, told, limit, now)
    looked = _look_again(session, work, limit, now)
    purged, met = _purge(session, limit - done, now)
    done += met
    done += keys.forget(session, now, limit - done)
    session.change("delete from abandoned where at <= ?", (now - ABANDONED_FOR,))
    return Swept(ended=told, purged=purged, more=done >= limit or looked >= limit or work.waits)


def _expire(session: Session, work: FollowUps, told: list[tuple[str, State]], limit: int, now: Micros) -> int:
    """End what is past its ttl, in that order: who ends with a parent before its own turn has not expired.

    So it stops where an ending owes its children word, and nothing is ended while some child waits for one.
    """
    past = session.rows(
        "select seq, id, links from task where project = ? and state <= 1 and expires_at is not null "
        "and expires_at <= ? order by expires_at, seq limit ?",
        (session.project, now, limit),
    )
    met = 0
    for linked, run in groupby(past, key=lambda row: row[2] > 0):
        for part in ([row] for row in run) if linked else (list(run),):
            if work.left_over:
                return met
            met += len(part)
            if end_queued(session, [seq for seq, _, _ in part], EXPIRED, now):
                told += [(text_id(task), State.EXPIRED) for _, task, _ in part]
                if linked:
                    follow(session, [part[0][0]], work)
    return met


def _look_again(session: Session, work: FollowUps, limit: int, now: Micros) -> int:
    """Ask again for the parents of tasks that wait for long; give how many were looked at.

    A task is asked for after a minute, and then each time that its age has doubled, so a crowd that waits for days
    costs little. Here an ending and what it means for children are one transaction, so there is something to find
    only where a worker of the version before, which knows no children, has ended or removed a parent.
    """
    waiting = session.rows(
        "select seq from task where project = ? and state = 0 and look_at <= ? order by look_at limit ?",
        (session.project, now, limit),
    )
    if not waiting:
        return 0
    which = encode([seq for (seq,) in waiting])
    session.change(
        "update task set look_at = ?1 + max(?2, ?1 - enqueued_at) where seq in (select value from json_each(?3))",
        (now, PARENT_RECHECK, which),
    )
    ended = session.rows(
        "select distinct e.parent, p.state from edge e left join task p on p.project = e.project and p.id = e.parent "
        "where e.child in (select value from json_each(?)) and e.open = 1 and (p.state is null or p.state >= 3) "
        "and not exists(select 1 from owed where project = e.project and task = e.parent)",
        (which,),
    )
    work.follow([(parent, state == SUCCEEDED) for parent, state in ended])
    return len(waiting)


def _purge(session: Session, limit: int, now: Micros) -> tuple[int, int]:
    """Remove what is past its time; give how many went, and how many were met.

    What a live child needs leaves the line, and comes back into it when that child ends.
    """
    if limit <= 0:
        return 0, 0
    rows = session.rows(
        "select seq, id, links from task where project = ?1 and state >= 3 and purge_at <= ?2 and not exists("
        "select 1 from owed where project = ?1 and task = task.id) order by purge_at limit ?3",
        (session.project, now, limit),
    )
    needed = [seq for seq, task, links in rows if links & edges.PARENT and edges.is_needed(session, task)]
    kept = set(needed)
    free = [seq for seq, _, _ in rows if seq not in kept]
    if needed:
        session.change(
            "update task set purge_at = null where seq in (select value from json_each(?))", (encode(needed),)
        )
    if free:
        remove(session, free)
    return len(free), len(rows)
