"""Parents and children: who waits for whom, and who is still needed.

An edge stands from the enqueue of a child until that child has ended, since a running child reads the results
of its parents. What is still missing is a mark on the edge, and a count of the marks on the child.

Invariant: an edge with its mark set has a waiting child, and its parent either lives or owes the child word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from omniq.models.states import State
from omniq.storage.records import TOMBSTONE
from omniq_sqlite.session import Session
from omniq_sqlite.tasks.rows import blob_id, encode, insert, marks, padded

__all__ = (
    "CHILD", "PARENT", "add", "drop", "is_needed", "parents_of", "renew", "states_of",
)  # fmt: skip

CHILD, PARENT = 1, 2
"""What `links` of a task says: it names parents; it is or was named."""

_decode = msgspec.json.Decoder(tuple[str, ...]).decode


def parents_of(session: Session, seq: int, links: int, text: str | None) -> tuple[str, ...]:
    """Give the parents of a task in their order, from its row or, where they are many, from beside it."""
    if text is None and links & CHILD:
        row = session.row("select parents from big where seq = ?", (seq,))
        text = None if row is None else row[0]
    return _decode(text) if text else ()


def states_of(session: Session, parents: Iterable[str]) -> dict[str, State]:
    """Give the states of those that exist."""
    asked = {blob_id(one): one for one in parents}
    found: dict[str, State] = {}
    for _, piece, size in padded(list(asked)):
        rows = session.rows(
            f"select t.id, t.state from (values {marks(1, size)}) v cross join task t "
            f"where t.project = ?{size + 1} and t.id = v.column1",
            (*piece, *(None,) * (size - len(piece)), session.project),
        )
        found |= {asked[task]: State.of(state) for task, state in rows}
    return found


def add(session: Session, edges: Sequence[tuple[int, str, bool]]) -> None:
    """Note edges: the row of the child, the parent, and whether the parent is still missing."""
    rows = [(child, blob_id(parent), session.project, int(missing)) for child, parent, missing in edges]
    insert(session, "edge", "child, parent, project, open", rows)
    named = list(dict.fromkeys(parent for _, parent, _, _ in rows))
    for _, piece, size in padded(named):
        session.change(
            f"update task set links = links | 2 from (values {marks(1, size)}) v "
            f"where task.project = ?{size + 1} and task.id = v.column1 and task.links & 2 = 0",
            (*piece, *(None,) * (size - len(piece)), session.project),
        )


def renew(session: Session, child: int, parents: tuple[str, ...]) -> None:
    """Note the edges of a task that is requeued: it asks for nobody, and still reads their results."""
    add(session, [(child, parent, False) for parent in dict.fromkeys(parents)])


def drop(session: Session, children: Sequence[int]) -> None:
    """Forget the edges of tasks that have ended; parents that were kept for them may go at their time again."""
    which = encode(list(children))
    session.change(
        "update task set purge_at = finished_at + max(keep, ?1) where project = ?2 and state >= 3 and purge_at is null "
        "and id in (select parent from edge where child in (select value from json_each(?3)))",
        (TOMBSTONE, session.project, which),
    )
    session.change("delete from edge where child in (select value from json_each(?))", (which,))


def is_needed(session: Session, task: bytes) -> bool:
    """Say whether a live child names this task, or it still owes somebody word."""
    row: Any = session.row(
        "select exists(select 1 from edge e cross join task c where e.project = ?1 and e.parent = ?2 "
        "and c.seq = e.child and c.state < 3) or exists(select 1 from owed where project = ?1 and task = ?2)",
        (session.project, task),
    )
    return bool(row[0])
