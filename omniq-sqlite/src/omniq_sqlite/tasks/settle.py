"""Extend and settle: what a holder says of its tasks, each checked by its whole fence.

Plain successes are the fast path, one statement per 128. Whatever does not add up there is looked at one by one.

A ref is (row, task id): a row that runs under this attempt and this random claim id can be no other task's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from omniq.models.states import State, settled_state
from omniq.models.values import Micros
from omniq.storage.records import (
    TOMBSTONE,
    ExtendAnswer,
    Fence,
    Hold,
    SettleAnswer,
    Settlement,
    Trouble,
)
from omniq_sqlite.schema import INLINE
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges
from omniq_sqlite.tasks.entering import check, is_plain
from omniq_sqlite.tasks.follow_ups import FollowUps
from omniq_sqlite.tasks.rows import RUNNING, blob_id, encode, marks, padded

__all__ = ("check_settlements", "extend", "settle")

_SETTLED = frozenset({State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED})


def check_settlements(settlements: Sequence[Settlement]) -> None:
    """Refuse what makes no sense, before anything is written.

    Raises:
        ValueError: a state that no settlement can ask for, or an item that no enqueue takes.
    """
    for one in settlements:
        if one.to not in _SETTLED:
            raise ValueError(f"a settlement cannot ask for {one.to}")
        if one.after:
            check(one.after)


def extend(session: Session, holds: Sequence[Hold], *, lease: Micros) -> list[ExtendAnswer]:
    """Renew leases, many in one statement; missing is lost, flagged is to be cancelled."""
    until = session.now() + lease
    asked = [[_seq(session, one.fence, one.ref), one.fence.claim_id, one.fence.attempt] for one in holds]
    renewed = {
        seq: (claim, attempt, cancel)
        for seq, claim, attempt, cancel in session.rows(
            "update task set lease_until = max(coalesce(lease_until, 0), ?1) from json_each(?2) as hold "
            "where task.seq = hold.value ->> 0 and task.state = 2 and task.claim = hold.value ->> 1 "
            "and task.attempt = hold.value ->> 2 and task.project = ?3 "
            "returning seq, claim, attempt, cancel",
            (until, encode(asked), session.project),
        )
    }
    answers: list[ExtendAnswer] = []
    for hold, (seq, *_) in zip(holds, asked, strict=True):
        claim, attempt, cancel = renewed.get(seq, (None, None, None))
        if (claim, attempt) != (hold.fence.claim_id, hold.fence.attempt):  # an old holder beside the new one too
            answers.append(ExtendAnswer(hold.fence.task_id, Trouble.LOST))
            continue
        if hold.note is not None:
            session.change("update task set note = ? where seq = ?", (hold.note, seq))
        if cancel:
            answers.append(ExtendAnswer(hold.fence.task_id, Trouble.CANCEL))
    return answers


def settle(session: Session, settlements: Sequence[Settlement]) -> tuple[list[SettleAnswer], bool]:
    """Write how attempts ended; answer those that did not go as asked, in input order, and whether something
    that follows is left to be carried out."""
    now = session.now()
    work = FollowUps(session, now)
    plain = [one for one in settlements if _is_plain(one)]
    twice = len({one.ref for one in plain}) < len(plain)  # a join would not tell which of the two came first
    if not twice and len(plain) == len(settlements):
        written = 0 if any(one.after for one in plain) else _succeed(session, plain, now)
        if written < len(plain):
            written += _succeed_linked(session, plain, work, now)
        if written == len(plain):
            return [], work.left_over
    # One by one is right for all of them: those written by a fast path repeat what is there.
    answers = [answer for one in settlements if (answer := _settle(session, one, work, now)) is not None]
    return answers, work.left_over


def _succeed_linked(session: Session, settlements: Sequence[Settlement], work: FollowUps, now: Micros) -> int:
    """Write those plain successes that still run, and what follows from them; say how many were written."""
    held = {
        seq: (task, attempt, claim, links)
        for seq, task, attempt, claim, links in session.rows(
            "select seq, id, attempt, claim, links from task "
            "where seq in (select value from json_each(?)) and project = ? and state = 2",
            (encode([one.ref[0] for one in settlements]), session.project),
        )
    }
    good: list[tuple[Settlement, bytes, int]] = []
    for one in settlements:
        row = held.get(one.ref[0])
        if row is not None and row[1:3] == (one.fence.attempt, one.fence.claim_id):
            good.append((one, row[0], row[3]))
    _succeed(session, [one for one, _, _ in good], now, linked=True)
    own = [one.ref[0] for one, _, links in good if links & edges.CHILD]
    if own:
        edges.drop(session, own)
    work.follow(
        [(task, True) for _, task, links in good if links & edges.PARENT],
        [(task, item) for one, task, _ in good for item in one.after],
    )
    return len(good)


def _is_plain(one: Settlement) -> bool:
    return (
        one.to is State.SUCCEEDED
        and _names(one.ref, one.fence)
        and one.note is None
        and one.error is None
        and one.reason is None
        and (one.result is None or len(one.result) <= INLINE)
        and (not one.after or all(is_plain(item) and item.unique is None for item in one.after))  # else in order
    )


def _succeed(session: Session, settlements: Sequence[Settlement], now: Micros, *, linked: bool = False) -> int:
    """Write plain successes of tasks without parents and children (`linked`: of any); say how many were written."""
    written = 0
    for _, piece, size in padded(settlements):
        values: list[Any] = []
        for one in piece:
            fence = one.fence
            values += (one.ref[0], fence.attempt, fence.claim_id, one.keep, one.result)
        values += [None] * (5 * (size - len(piece)))
        values += (now, TOMBSTONE, session.project)
        written += session.change(_succeeded(size, linked), values)
    session.finished = session.finished or written > 0
    return written


@cache
def _succeeded(rows: int, linked: bool) -> str:
    """Give the text that writes so many."""
    guard = "" if linked else "and task.links = 0 "
    n = 5 * rows  # they take the first numbers
    return (
        f"with v(seq, attempt, claim, keep, result) as (values {marks(5, rows)}) "
        f"update task set state = 3, finished_at = ?{n + 1}, "
        f"purge_at = ?{n + 1} + max(coalesce(v.keep, task.keep), ?{n + 2}), "
        "keep = coalesce(v.keep, task.keep), result = v.result, error = null, lease_until = null, held = null "
        "from v "
        f"where task.seq = v.seq and task.state = 2 {guard}and task.claim = v.claim and task.attempt = v.attempt "
        f"and task.project = ?{n + 3}"
    )


def _settle(session: Session, one: Settlement, work: FollowUps, now: Micros) -> SettleAnswer | None:
    fence = one.fence
    row = session.row(
        "select seq, state, attempt, claim, cancel, links from task where project = ? and id = ?",
        (session.project, blob_id(fence.task_id)),
    )
    if row is None or (row[2], row[3]) != (fence.attempt, fence.claim_id):
        return SettleAnswer(fence.task_id, Trouble.LOST)
    seq, state, _attempt, _claim, cancel, links = row
    to = settled_state(one.to, cancel_requested=bool(cancel))
    if state == RUNNING:
        _write(session, seq, one, to, now)
        if to.terminal and links & edges.CHILD:
            edges.drop(session, [seq])
        task = blob_id(fence.task_id)
        work.follow(
            [(task, to is State.SUCCEEDED)] if to.terminal and links & edges.PARENT else (),
            [(task, item) for item in one.after] if to is one.to else (),
        )
    elif not State.of(state).terminal and state != to.code:
        return SettleAnswer(fence.task_id, Trouble.LOST)
    elif state != to.code:
        return SettleAnswer(fence.task_id, Trouble.DONE)
    return SettleAnswer(fence.task_id, Trouble.CANCELLED) if to is not one.to else None


def _write(session: Session, seq: int, one: Settlement, to: State, now: Micros) -> None:
    changes: dict[str, Any] = {"state": to.code, "lease_until": None}
    raised = ""
    if one.note is not None:
        changes["note"] = one.note
    if to is one.to:
        changes["error"] = one.error
        if one.count is not None:
            raised = f", {one.count.value} = {one.count.value} + 1"
    if to is State.READY:
        if one.delay is not None:
            changes["run_at"] = now + one.delay
        session.work = True
    else:
        changes |= {"finished_at": now, "held": None, "reason": one.reason if to is one.to else None}
        if one.keep is not None:
            changes["keep"] = one.keep
        keep = session.row("select keep from task where seq = ?", (seq,))[0] if one.keep is None else one.keep
        changes["purge_at"] = now + max(keep, TOMBSTONE)
        session.finished = True
    if to is State.SUCCEEDED and one.result is not None:
        if len(one.result) <= INLINE:
            changes["result"] = one.result
        else:
            session.change(
                "insert into big(seq, result) values (?1, ?2) on conflict(seq) do update set result = ?2",
                (seq, one.result),
            )
    columns = ", ".join(f"{name} = ?" for name in changes)
    session.change(f"update task set {columns}{raised} where seq = ?", (*changes.values(), seq))


def _names(ref: Any, fence: Fence) -> bool:
    """Is this the ref that a claim of ours gave for this task?"""
    return isinstance(ref, tuple) and bool(ref[1] == fence.task_id)


def _seq(session: Session, fence: Fence, ref: Any) -> int | None:
    """Give the row of a hold; by its id where the ref is not ours."""
    if _names(ref, fence):
        return int(ref[0])
    row = session.row("select seq from task where project = ? and id = ?", (session.project, blob_id(fence.task_id)))
    return None if row is None else int(row[0])
