"""Creates tasks with parents: in which state each begins, its row, its edges.

Parents that have ended already count at once. All of it happens in the caller's transaction, so no parent can
end between the look at it and the edge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from omniq.models.states import OnParent, Reason, State, Verdict, verdict
from omniq.models.values import Micros
from omniq.storage.records import PARENT_RECHECK, TOMBSTONE, EnqueueAnswer, NewTask, Refusal
from omniq_sqlite.schema import INLINE
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges
from omniq_sqlite.tasks.rows import encode, insert, padded, text_id
from omniq_sqlite.tasks.write import COLUMNS, refusal, values_of

__all__ = ("POLICIES", "create", "enqueue")

POLICIES = tuple(OnParent)
"""`on_parent` of a row is a place in here."""

_MORE = ", links, missing, look_at, parents, on_parent, reason, finished_at, purge_at"


class _Birth(msgspec.Struct, frozen=True, gc=False):
    state: State
    missing: tuple[str, ...] = ()


def enqueue(
    session: Session, tasks: Sequence[NewTask], start: int, now: Micros, refused: Collection[str]
) -> list[EnqueueAnswer]:
    """Create children of which none names another and none has a key; answer those that were not created."""
    found = edges.states_of(session, {parent for task in tasks for parent in task.parents})
    answers: list[EnqueueAnswer] = []
    good: list[tuple[int, NewTask]] = []
    for index, task in enumerate(tasks, start):
        lost = next((one for one in task.parents if one in refused or one not in found), None)
        if lost is None:
            good.append((index, task))
        else:
            answers.append(
                refusal(session, task, index, now)
                or EnqueueAnswer(index=index, id=task.id, what=Refusal.PARENT, holder=lost)
            )
    for _, piece, _size in padded(good):
        created = create(session, [task for _, task in piece], now, found)
        for index, task in piece:
            if task.id not in created:
                answer = refusal(session, task, index, now)
                assert answer is not None, "an insert is passed over only for an id that exists"
                answers.append(answer)
    return sorted(answers, key=lambda one: one.index)


def create(
    session: Session, tasks: Sequence[NewTask], now: Micros, found: dict[str, State] | None = None
) -> Collection[str]:
    """Write the rows and edges of up to 128 tasks; give the ids of those that did not exist before."""
    if found is None:
        found = edges.states_of(session, {parent for task in tasks for parent in task.parents})
    births = {task.id: _birth(task, found) for task in tasks}
    last = session.row("select coalesce(max(seq), 0) from task")[0]
    insert(session, "task", COLUMNS + _MORE, [_row(session, task, births[task.id], now) for task in tasks])
    rows = {text_id(task): seq for seq, task in session.rows("select seq, id from task where seq > ?", (last,))}
    new: list[tuple[int, str, bool]] = []
    for task in tasks:
        seq = rows.get(task.id)
        if seq is None:
            continue
        birth = births[task.id]
        if birth.state.terminal:
            session.finished = True
        else:
            session.work = session.work or birth.state is State.READY
            missing = set(birth.missing)
            new += [(seq, parent, parent in missing) for parent in dict.fromkeys(task.parents)]
        _put_beside(session, seq, task)
    edges.add(session, new)
    return rows.keys()


def _birth(task: NewTask, found: dict[str, State]) -> _Birth:
    """Say how a task with these parents begins; the first that ended badly decides."""
    missing: dict[str, None] = {}
    for parent in task.parents:
        state = found[parent]
        if not state.terminal:
            missing[parent] = None
            continue
        match verdict(state, task.on_parent):
            case Verdict.SKIPPED:
                return _Birth(State.SKIPPED)
            case Verdict.FAILED:
                return _Birth(State.FAILED)
    return _Birth(State.WAITING, tuple(missing)) if missing else _Birth(State.READY)


def _row(session: Session, task: NewTask, birth: _Birth, now: Micros) -> tuple[Any, ...]:
    plain = values_of(task, session.project, session.make_queue(task.queue), now, birth.state.code)
    parents = encode(task.parents) if task.parents else None
    ended = birth.state.terminal
    return (
        *plain,
        edges.CHILD if task.parents else 0,
        len(birth.missing),
        now + PARENT_RECHECK if birth.state is State.WAITING else None,
        None if parents is None or len(parents) > INLINE else parents,
        POLICIES.index(task.on_parent),
        Reason.PARENT if birth.state is State.FAILED else None,
        now if ended else None,
        now + max(task.keep, TOMBSTONE) if ended else None,
    )


def _put_beside(session: Session, seq: int, task: NewTask) -> None:
    """Put what is too large for the hot row apart."""
    payload = task.payload if len(task.payload) > INLINE else None
    parents = encode(task.parents) if task.parents else None
    if parents is not None and len(parents) <= INLINE:
        parents = None
    if payload is not None or parents is not None:
        session.change("insert into big(seq, payload, parents) values (?, ?, ?)", (seq, payload, parents))
