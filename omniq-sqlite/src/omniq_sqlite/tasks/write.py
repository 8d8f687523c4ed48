"""Enqueue: new rows, many to a statement, and what became of those that were not created.

The insert takes no notice of a row whose id or key exists; only where the count of rows does not add up are the
refused ones looked for. So a batch of new tasks costs one statement per 128, and a lone task one in all.

Invariant: rows are created in input order, so place in the call is the order of `seq`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from omniq.models.states import State, Until
from omniq.models.values import Micros
from omniq.storage.records import EnqueueAnswer, NewTask, Refusal
from omniq_sqlite.group import AGAIN
from omniq_sqlite.schema import INLINE
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import keys
from omniq_sqlite.tasks.rows import READY, SUCCEEDED, blob_id, encode_tags, marks, padded

__all__ = ("COLUMNS", "enqueue", "enqueue_one", "refusal", "values_of")

COLUMNS = (
    "project, id, lane, state, run_at, created_at, enqueued_at, ttl, expires_at, keep, held, ukey, until, name, "
    "tags, digest, policy, payload"
)
_WIDTH = 18
_PLAIN = f"insert into task({COLUMNS}) values ({','.join('?' * _WIDTH)}) on conflict do nothing"
# A timed key stands in a table of its own: 1 is the project, 6 the time, 11 the key.
_KEYED = (
    f"insert into task({COLUMNS}) select {','.join(f'?{one}' for one in range(1, _WIDTH + 1))} "
    "where not exists(select 1 from timed where project = ?1 and key = ?11 and ends > ?6) on conflict do nothing"
)
_OWN = tuple(COLUMNS.split(", ").index(name) for name in ("id", "digest", "payload"))
_COMMON = tuple(at for at in range(_WIDTH) if at not in _OWN)
_common = attrgetter(
    "name", "queue", "priority", "delay", "run_at", "ttl", "expires_at", "keep", "unique", "tags", "policy"
)
_TIMED = 2
_UNTIL = {Until.TERMINAL: None, Until.STARTED: 1, Until.WINDOW: _TIMED}


def enqueue_one(session: Session, task: NewTask) -> Any:
    """Create one task in one statement, or give AGAIN."""
    queue = session.known_queue(task.queue)
    if queue is None or len(task.payload) > INLINE or task.insert_before is not None:
        return AGAIN
    text = _PLAIN if task.unique is None else _KEYED
    if not session.change(text, values_of(task, session.project, queue, session.now())):
        return AGAIN
    session.work = True
    return []


def enqueue(session: Session, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
    """Create plain tasks; answer those that were not created. The caller has seen that no timed key is held."""
    now = session.now()
    answers: list[EnqueueAnswer] = []
    for start, run in _runs(tasks, now):
        if len(run) == 1:
            answers += _one(session, run[0], start, now)
            continue
        insert = _insert_alike if _are_alike(run) else _insert_any
        for at, piece, size in padded(run):
            answers += _many(session, piece, insert(session, piece, size, now), start + at, now)
    session.work = session.work or len(answers) < len(tasks)
    return answers


def _runs(tasks: Sequence[NewTask], now: Micros) -> list[tuple[int, Sequence[NewTask]]]:
    """Cut a call into what goes many to a statement, and single tasks that need more than their row."""
    runs: list[tuple[int, Sequence[NewTask]]] = []
    start = 0
    for at, task in enumerate(tasks):
        if len(task.payload) > INLINE or (task.insert_before is not None and now >= task.insert_before):
            if at > start:
                runs.append((start, tasks[start:at]))
            runs.append((at, (task,)))
            start = at + 1
    if start < len(tasks):
        runs.append((start, tasks[start:]))
    return runs


def _one(session: Session, task: NewTask, index: int, now: Micros) -> list[EnqueueAnswer]:
    if task.insert_before is not None and now >= task.insert_before:
        return [refusal(session, task, index, now) or EnqueueAnswer(index=index, id=task.id, what=Refusal.LATE)]
    values = values_of(task, session.project, session.make_queue(task.queue), now)
    if not session.change(_PLAIN, values):
        return [_refused(session, task, index, now)]
    if len(task.payload) > INLINE:
        session.change("insert into big(seq, payload) values (last_insert_rowid(), ?)", (task.payload,))
    return []


def _are_alike(tasks: Sequence[NewTask]) -> bool:
    """Do they differ in id, content and nothing else, as the calls of one `map` do?"""
    first = _common(tasks[0])
    return tasks[0].unique is None and all(_common(task) == first for task in tasks)


def _insert_alike(session: Session, tasks: Sequence[NewTask], size: int, now: Micros) -> int:
    """Insert a piece whose common values are bound once: binding costs as much as inserting."""
    queue = session.make_queue(tasks[0].queue)
    common = values_of(tasks[0], session.project, queue, now)
    values: list[Any] = [common[at] for at in _COMMON]
    for task in tasks:
        values += (blob_id(task.id), task.digest, task.payload)
    values += [None] * (len(_OWN) * (size - len(tasks)))
    return session.change(_alike(size), values)


def _insert_any(session: Session, tasks: Sequence[NewTask], size: int, now: Micros) -> int:
    values: list[Any] = []
    for task in tasks:
        values += values_of(task, session.project, session.make_queue(task.queue), now)
    values += [None] * (_WIDTH * (size - len(tasks)))
    return session.change(_any(size), values)


@cache
def _alike(rows: int) -> str:
    names = {at: f"?{number}" for number, at in enumerate(_COMMON, 1)}
    names |= {at: f"column{number}" for number, at in enumerate(_OWN, 1)}
    picked = ", ".join(names[at] for at in range(_WIDTH))
    return (  # unnumbered marks go on after the highest number before them
        f"insert into task({COLUMNS}) select {picked} from (values {marks(len(_OWN), rows)}) "
        "where column1 is not null on conflict do nothing"
    )


@cache
def _any(rows: int) -> str:
    return (
        f"insert into task({COLUMNS}) select * from (values {marks(_WIDTH, rows)}) "
        "where column1 is not null on conflict do nothing"
    )


def _many(session: Session, tasks: Sequence[NewTask], created: int, start: int, now: Micros) -> list[EnqueueAnswer]:
    """Where rows of an inserted piece are missing, tell which. Those of this piece have the highest numbers."""
    if created == len(tasks):
        return []
    last = int(session.row("select coalesce(max(seq), 0) from task")[0])
    answers: list[EnqueueAnswer] = []
    ours: set[str] = set()
    for place, task in enumerate(tasks):
        row = session.row("select seq from task where project = ? and id = ?", (session.project, blob_id(task.id)))
        if row is not None and row[0] > last - created and task.id not in ours:
            ours.add(task.id)
        else:
            answers.append(_refused(session, task, start + place, now))
    return answers


def _refused(session: Session, task: NewTask, index: int, now: Micros) -> EnqueueAnswer:
    answer = refusal(session, task, index, now)
    assert answer is not None, "an insert is passed over only for an id or a key that exists"
    return answer


def refusal(session: Session, task: NewTask, index: int, now: Micros) -> EnqueueAnswer | None:
    """Say what stands in the way of a task: its id, its key, or nothing."""
    row = session.row(
        "select state, digest from task where project = ? and id = ?", (session.project, blob_id(task.id))
    )
    if row is not None:
        if row[1] != task.digest:
            return EnqueueAnswer(index=index, id=task.id, what=Refusal.CONFLICT)
        return EnqueueAnswer(index=index, id=task.id, what=Refusal.KNOWN, state=State.of(row[0]))
    if task.unique is not None:
        holder = keys.holder(session, task.unique.digest, now)
        if holder is not None:
            return EnqueueAnswer(index=index, id=task.id, what=Refusal.UNIQUE, holder=holder)
    return None


def values_of(task: NewTask, project: int, queue: int, now: Micros, state: int = READY) -> tuple[Any, ...]:
    """Give the values of COLUMNS for a new task."""
    run_at = now + task.delay if task.run_at is None else max(now, task.run_at)
    expires_at = task.expires_at if task.ttl is None else now + task.ttl
    unique = task.unique
    key = None if unique is None else unique.digest
    until = None if unique is None else _UNTIL[unique.until]
    return (
        project, blob_id(task.id), queue * 10 + task.priority, state, run_at, now, now, task.ttl, expires_at,
        task.keep, None if until == _TIMED or state >= SUCCEEDED else key, key, until, task.name,
        encode_tags(task.tags), task.digest, task.policy, task.payload if len(task.payload) <= INLINE else None,
    )  # fmt: skip
