"""Claim, abandon and reclaim: tasks under lease, at a constant number of statements.

sqlite3 gives up the GIL at every step, and behind a busy event loop each retake waits up to 5 ms. So candidates
come as one row of JSON, and one statement takes them all.

Each queue and priority is one arm of a union: a seek in t_ready, in the order in which tasks are given, that is
not begun before the arms above it are empty. Future-dated tasks lie behind the due ones of their arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec

from omniq.models.values import Micros
from omniq.storage.records import ABANDONED_FOR, Claimed, ClaimedTask, Fence
from omniq_sqlite.session import Session
from omniq_sqlite.tasks.ending import end_queued, follow
from omniq_sqlite.tasks.follow_ups import FollowUps
from omniq_sqlite.tasks.rows import EXPIRED, encode, hex_id

__all__ = ("abandon", "claim", "reclaim")

_ARMS = 30
"""Queues in one statement: 300 arms; SQLite takes 500."""
_EXPIRED_AT_ONCE = 1000
"""Expired tasks that one claim ends on its way at most."""


class _Candidate(msgspec.Struct, array_like=True, gc=False):
    seq: int
    id: str
    lane: int
    attempt: int
    name: str
    failures: int
    crashes: int
    releases: int
    snoozes: int
    cancel: int
    enqueued_at: int
    expires_at: int | None
    policy: str
    note: str
    payload: str | None


_decode = msgspec.json.Decoder(list[_Candidate]).decode
_FIELDS = (
    "seq, id, lane, attempt, name, failures, crashes, releases, snoozes, cancel, enqueued_at, expires_at, "
    "policy, note, payload"
)
_JSON = (
    "json_group_array(json_array(seq, lower(hex(id)), lane, attempt, name, failures, crashes, releases, snoozes, "
    "cancel, enqueued_at, expires_at, hex(policy), hex(coalesce(note, x'')), "
    "case when payload is not null then hex(payload) end))"
)


@cache
def _ready(queues: int) -> str:
    """Give the text that reads candidates: ?1 now, ?2 limit, then the ids of the queues."""
    arms = " union all ".join(
        f"select * from (select {_FIELDS} from task where lane = ?{queue + 3} * 10 + {priority} and state = 1 "
        "and run_at <= ?1 order by run_at, seq limit ?2)"
        for queue in range(queues)
        for priority in range(9, -1, -1)
    )
    return f"select {_JSON} from ({arms} limit ?2)"


@cache
def _next(queues: int) -> str:
    arms = " union all ".join(
        f"select min(run_at) m from task where lane = ?{queue + 2} * 10 + {priority} and state = 1 and run_at > ?1"
        for queue in range(queues)
        for priority in range(9, -1, -1)
    )
    return f"select min(m) from ({arms})"


def claim(
    session: Session, queues: Sequence[str], *, limit: int, lease: Micros, worker: str, claim_id: int
) -> tuple[Claimed, bool]:
    """Take up to `limit` ready tasks, end those that have expired on the way; say whether something that follows from
    that is left to be carried out."""
    now = session.now()
    paused, abandoned = session.row(
        "select (select json_group_array(id) from queue where project = ?1 and paused = 1), "
        "exists(select 1 from abandoned where claim = ?2 and at > ?3)",
        (session.project, claim_id, now - ABANDONED_FOR),
    )
    if abandoned:
        return Claimed(tasks=[], now=now), False
    shut = frozenset(msgspec.json.decode(paused, type=list[int]))
    names: dict[int, str] = {}
    for name in queues:
        number = session.find_queue(name)
        if number is not None and number not in shut:
            names[number] = name
    taken, past = _take(session, list(names), limit, now)
    if taken:
        session.change(
            "update task set state = 2, attempt = attempt + 1, claim = ?1, lease_until = ?2, started_at = ?3, "
            "worker = ?4, held = case until when 1 then null else held end "
            "where seq in (select value from json_each(?5))",
            (claim_id, now + lease, now, worker, encode([one.seq for one in taken])),
        )
    work = FollowUps(session, now)
    if past:
        follow(session, [one.seq for one in past], work)
    large = _large(session, [one.seq for one in taken if one.payload is None])
    tasks = [_claimed(one, names[one.lane // 10], one.attempt + 1, claim_id, large.get(one.seq, b"")) for one in taken]
    due = None
    if len(taken) < limit:
        # Children of the expired may be due now, or will be when what is left over is carried out.
        more = len(past) >= _EXPIRED_AT_ONCE or (past and session.work) or work.left_over
        due = 0 if more else _next_due(session, list(names), now)
    expired = [hex_id(one.id) for one in past]
    return Claimed(tasks=tasks, expired=expired, next_due=due, now=now), work.left_over


def _take(session: Session, queues: list[int], limit: int, now: Micros) -> tuple[list[_Candidate], list[_Candidate]]:
    """Give what may be claimed, and what had expired on the way: that is written, not yet what follows from it."""
    taken: list[_Candidate] = []
    expired: list[_Candidate] = []
    at = 0
    while at < len(queues) and len(taken) < limit and len(expired) < _EXPIRED_AT_ONCE:
        want = limit - len(taken)
        part = queues[at : at + _ARMS]
        found = _decode(session.row(_ready(len(part)), (now, want, *part))[0])
        past = [one for one in found if one.expires_at is not None and one.expires_at <= now]
        if past:
            end_queued(session, [one.seq for one in past], EXPIRED, now)
            expired += past
            live = [one for one in found if one.expires_at is None or one.expires_at > now]
            # Those that live were met in order and are out of reach of the next look only once they are taken.
            if live:
                session.change(
                    "update task set state = 2 where seq in (select value from json_each(?))",
                    (encode([one.seq for one in live]),),
                )
            taken += live
            continue  # the same queues again: what stood behind the expired ones
        taken += found
        at += _ARMS
    return taken, expired


def _next_due(session: Session, queues: list[int], now: Micros) -> Micros | None:
    found: list[int] = []
    for at in range(0, len(queues), _ARMS):
        part = queues[at : at + _ARMS]
        row = session.row(_next(len(part)), (now, *part))
        if row[0] is not None:
            found.append(row[0] - now)
    return min(found, default=None)


def _large(session: Session, seqs: list[int]) -> dict[int, bytes]:
    if not seqs:
        return {}
    rows = session.rows("select seq, payload from big where seq in (select value from json_each(?))", (encode(seqs),))
    return {seq: payload or b"" for seq, payload in rows}


def _claimed(one: _Candidate, queue: str, attempt: int, claim_id: int, large: bytes) -> ClaimedTask:
    task_id = hex_id(one.id)
    return ClaimedTask(
        fence=Fence(task_id, attempt, claim_id),
        ref=(one.seq, task_id),
        name=one.name,
        queue=queue,
        priority=one.lane % 10,
        payload=large if one.payload is None else bytes.fromhex(one.payload),
        policy=bytes.fromhex(one.policy) if one.policy else b"",
        failures=one.failures,
        crashes=one.crashes,
        releases=one.releases,
        snoozes=one.snoozes,
        cancel=bool(one.cancel),
        enqueued_at=one.enqueued_at,
        note=bytes.fromhex(one.note) if one.note else b"",
    )


def abandon(session: Session, claim_id: int) -> None:
    """Put back what runs under this claim, and shut the door to one that comes late."""
    now = session.now()
    session.change("insert or replace into abandoned(claim, at) values (?, ?)", (claim_id, now))
    given_back = session.change(
        "update task set state = 1, releases = releases + 1, lease_until = null "
        "where project = ? and state = 2 and claim = ?",
        (session.project, claim_id),
    )
    session.work = session.work or given_back > 0


def _is_abandoned(session: Session, claim_id: int, now: Micros) -> bool:
    return (
        session.row("select 1 from abandoned where claim = ? and at > ?", (claim_id, now - ABANDONED_FOR)) is not None
    )


def reclaim(session: Session, *, limit: int, lease: Micros, worker: str, claim_id: int) -> list[ClaimedTask]:
    """Take over leases that are past, oldest first; nothing is counted."""
    now = session.now()
    if _is_abandoned(session, claim_id, now):
        return []
    found = _decode(
        session.row(
            f"select {_JSON} from (select {_FIELDS.removesuffix('payload')} x'' as payload from task "
            "where project = ? and state = 2 and lease_until <= ? order by lease_until, seq limit ?)",
            (session.project, now, limit),
        )[0]
    )
    if found:
        session.change(
            "update task set claim = ?, lease_until = ?, worker = ? where seq in (select value from json_each(?))",
            (claim_id, now + lease, worker, encode([one.seq for one in found])),
        )
    return [_claimed(one, session.queue_name(one.lane // 10), one.attempt, claim_id, b"") for one in found]
