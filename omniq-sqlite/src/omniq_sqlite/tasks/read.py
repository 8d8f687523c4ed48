"""Reads: records, pages, figures, and which tasks have ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omniq.models.states import Reason, State
from omniq.storage.records import Page, QueueStats, TaskRecord, Where
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges
from omniq_sqlite.tasks.children import POLICIES
from omniq_sqlite.tasks.rows import blob_id, decode_tags, encode, text_id

__all__ = ("ended", "get", "page", "stats")

_SCAN = 1000
"""Rows that one page looks at, at most: a filter that fits few makes short pages, not long transactions."""

_COLUMNS = (
    "t.seq, t.id, t.name, t.lane, t.state, t.attempt, t.claim, t.failures, t.crashes, t.releases, t.snoozes, t.epoch, "
    "t.cancel, t.reason, t.run_at, t.created_at, t.enqueued_at, t.started_at, t.finished_at, t.expires_at, "
    "t.lease_until, t.worker, t.keep, t.tags, t.policy, t.digest, t.note, t.error, t.links, "
    "t.parents, t.on_parent"
)


def get(session: Session, ids: Sequence[str], *, payload: bool, result: bool) -> list[TaskRecord | None]:
    """Read tasks; one answer an id, in order."""
    extra = "coalesce(t.payload, big.payload)" if payload else "null"
    extra += ", coalesce(t.result, big.result)" if result else ", null"
    join = "left join big on big.seq = t.seq" if payload or result else ""
    sql = f"select {_COLUMNS}, {extra} from task t {join} where t.project = ? and t.id = ?"
    found: list[TaskRecord | None] = []
    for one in ids:
        row = session.row(sql, (session.project, blob_id(one)))
        found.append(None if row is None else _record(session, row))
    return found


def page(session: Session, where: Where, *, limit: int, after: str | None) -> Page:
    """Read a page, newest first; `after` is the id of the last row that was looked at, in hex.

    Raises:
        ValueError: `after` is no such value.
    """
    before = None if after is None else bytes.fromhex(after)
    queue = None if where.queue is None else session.find_queue(where.queue)
    if where.queue is not None and queue is None:
        return Page([])
    conditions, values = _conditions(where, queue)
    rows = session.rows(
        f"select {_COLUMNS}, null, null, {conditions} from task t where t.project = ? "
        f"{'' if before is None else 'and t.id < ? '}order by t.id desc limit ?",
        (*values, session.project, *(() if before is None else (before,)), _SCAN),
    )
    items: list[TaskRecord] = []
    last: bytes | None = None
    for row in rows:
        if len(items) == limit:
            return Page(items, None if last is None else last.hex())
        last = row[1]
        if row[-1]:
            record = _record(session, row[:-1])
            if where.tag is None or where.tag in record.tags:
                items.append(record)
    return Page(items, last.hex() if last is not None and len(rows) == _SCAN else None)


def _conditions(where: Where, queue: int | None) -> tuple[str, list[Any]]:
    parts = ["1"]
    values: list[Any] = []
    if where.states:
        parts.append("t.state in (select value from json_each(?))")
        values.append(encode(sorted(state.code for state in where.states)))
    if queue is not None:
        parts.append("t.lane between ? and ?")
        values += [queue * 10, queue * 10 + 9]
    if where.name is not None:
        parts.append("t.name = ?")
        values.append(where.name)
    if where.since is not None:
        parts.append("t.created_at >= ?")
        values.append(where.since)
    if where.until is not None:
        parts.append("t.created_at < ?")
        values.append(where.until)
    return " and ".join(parts), values


def stats(session: Session, queues: Sequence[str] | None) -> list[QueueStats]:
    """Count tasks by queue and state: a walk over the table, for people, never for a worker."""
    now = session.now()
    known = {
        name: (number, bool(paused))
        for number, name, paused in session.rows(
            "select id, name, paused from queue where project = ?", (session.project,)
        )
    }
    figures: dict[int, dict[State, int]] = {}
    oldest: dict[int, int] = {}
    for queue, state, count, first in session.rows(
        "select lane / 10, state, count(*), min(case when state = 1 and run_at <= ?1 then run_at end) "
        "from task where project = ?2 group by 1, 2",
        (now, session.project),
    ):
        figures.setdefault(queue, {})[State.of(state)] = count
        if first is not None:
            oldest[queue] = first
    answers = []
    for name in sorted(known if queues is None else set(queues)):
        number, paused = known.get(name, (0, False))
        counts = {state: figures.get(number, {}).get(state, 0) for state in State}
        since = oldest.get(number)
        answers.append(
            QueueStats(queue=name, counts=counts, oldest_ready=None if since is None else now - since, paused=paused)
        )
    return answers


def ended(session: Session, ids: Sequence[str]) -> list[str]:
    """Give those of these tasks that are terminal or unknown, in input order, each once."""
    found = []
    for one in dict.fromkeys(ids):
        row = session.row("select state from task where project = ? and id = ?", (session.project, blob_id(one)))
        if row is None or State.of(row[0]).terminal:
            found.append(one)
    return found


def _record(session: Session, row: Sequence[Any]) -> TaskRecord:
    (
        seq, task, name, lane, state, attempt, claim, failures, crashes, releases, snoozes, epoch, cancel, reason,
        run_at, created_at, enqueued_at, started_at, finished_at, expires_at, lease_until, worker, keep, tags,
        policy, digest, note, error, links, parents, on_parent, payload, result,
    ) = row  # fmt: skip
    return TaskRecord(
        id=text_id(task), name=name, queue=session.queue_name(lane // 10), state=State.of(state),
        priority=lane % 10, attempt=attempt, claim_id=claim, failures=failures, crashes=crashes, releases=releases,
        snoozes=snoozes, epoch=epoch, cancel=bool(cancel), reason=None if reason is None else Reason(reason),
        run_at=run_at, created_at=created_at, enqueued_at=enqueued_at, started_at=started_at,
        finished_at=finished_at, expires_at=expires_at, lease_until=lease_until, worker=worker, keep=keep,
        parents=edges.parents_of(session, seq, links, parents), on_parent=POLICIES[on_parent or 0],
        tags=decode_tags(tags), policy=policy, digest=digest, note=note or b"", error=error,
        payload=payload, result=result,
    )  # fmt: skip
