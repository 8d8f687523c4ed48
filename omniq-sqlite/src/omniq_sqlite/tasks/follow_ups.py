"""What must follow the end of a task: word to its children, and the tasks that its settlement asks for.

Up to BUDGET of it is done in the transaction of the ending. The rest is marked there (`owed`) and carried out
in transactions of its own, at once by who settled and, if that one is killed, by any sweep.

Invariant: a mark is removed in the transaction that does what it stands for, and what comes later stands behind
it, so each child hears of each end of a parent once, and in their order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from omniq.models.states import Reason, State, Verdict, verdict
from omniq.models.values import Micros
from omniq.storage.records import TOMBSTONE, NewTask
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import edges, entering
from omniq_sqlite.tasks.children import POLICIES
from omniq_sqlite.tasks.rows import encode, insert, marks, padded, text_id

__all__ = ("BUDGET", "Ended", "FollowUps", "Item", "carry_on")

BUDGET = 1000
"""Children and new tasks of one transaction."""
PARENTS = 128
"""Parents whose children are looked for in one statement."""
_EVERYBODY = 1 << 62
"""Beyond the number of any row."""

Ended: TypeAlias = tuple[bytes, bool]
"""The id of a task that has ended, and whether it succeeded."""
Item: TypeAlias = tuple[bytes, NewTask]
"""The id of the task whose settlement asks for it, and the task to create."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(NewTask).decode


class _Word(msgspec.Struct, frozen=True, gc=False):
    """That a parent has ended, for its children up to the row `upto`; `mark` is its row in `owed`, if it has one."""

    parent: bytes
    good: bool
    upto: int = _EVERYBODY
    mark: int | None = None


class FollowUps:
    """What follows the endings of one transaction."""

    def __init__(self, session: Session, now: Micros, *, told: list[tuple[str, State]] | None = None) -> None:
        self._session = session
        self._now = now
        self._told = told
        self._left = BUDGET
        self._waits: bool | None = None

    @property
    def waits(self) -> bool:
        """Whether something stands in the line of marks. What comes now goes behind it."""
        if self._waits is None:
            self._waits = self._first(1) != []
        return self._waits

    @property
    def left_over(self) -> bool:
        """Whether something that was to follow was marked, or stands behind marks of others."""
        return bool(self._waits)

    def follow(self, ended: Sequence[Ended], items: Sequence[Item] = ()) -> None:
        """Carry out what follows these endings, or mark it."""
        if not ended and not items:
            return
        words = deque(_Word(parent, good) for parent, good in ended)
        if not self.waits:
            words = self._tell(words)
            if items and not words and self._left > 0:
                at_once, items = items[: self._left], items[self._left :]
                self._left -= len(at_once)
                entering.enqueue(self._session, [item for _, item in at_once])
        if words or items:
            self._mark(words, items)

    def carry_on(self) -> int:
        """Do what is marked, oldest first, until the budget is spent; give how much was done."""
        while self._left > 0 and (rows := self._first(min(self._left, PARENTS))):
            run = _alike(rows)
            if run[0][4] is not None:
                self._left -= len(run)
                entering.enqueue(self._session, [_decode(row[4]) for row in run])
                self._unmark([row[0] for row in run])
                continue
            words = self._tell(deque(_Word(parent, bool(good), upto, mark) for mark, parent, good, upto, _ in run))
            kept = {word.mark for word in words}
            self._unmark([row[0] for row in run if row[0] not in kept])
            self._mark([word for word in words if word.mark is None], ())
        self._waits = None
        return BUDGET - self._left

    def _tell(self, words: deque[_Word]) -> deque[_Word]:
        """Tell children, and the children of those that end by it; give what the budget did not reach."""
        while words and self._left > 0:
            part = [words.popleft() for _ in range(min(PARENTS, len(words)))]
            rows = self._children(part)
            more = len(rows) == self._left
            self._left -= len(rows)
            words.extend(self._hear(rows, {word.parent: word.good for word in part}))
            if more:
                words.extendleft(reversed(part))
        return words

    def _children(self, part: Sequence[_Word]) -> list[Any]:
        size = next(iter(padded(part)))[2]
        values: list[Any] = [value for word in part for value in (word.parent, word.upto)]
        return self._session.rows(
            "select e.parent, e.child, t.on_parent, t.id, t.links "
            f"from (values {marks(2, size)}) v cross join edge e cross join task t "
            f"where e.project = ?{2 * size + 1} and e.parent = v.column1 and e.open = 1 and e.child <= v.column2 "
            f"and t.seq = e.child and t.state = 0 limit ?{2 * size + 2}",
            (*values, *(None,) * (2 * (size - len(part))), self._session.project, self._left),
        )

    def _hear(self, rows: Sequence[Any], good: dict[bytes, bool]) -> list[_Word]:
        """Write what the ends of parents mean for each child; give the children that ended and have children."""
        ended: dict[int, tuple[Verdict, bytes, int]] = {}
        closed: list[tuple[int, bytes]] = []
        for parent, child, policy, task, links in rows:
            meaning = verdict(State.SUCCEEDED if good[parent] else State.FAILED, POLICIES[policy or 0])
            if meaning is Verdict.SATISFIED:
                closed.append((child, parent))
            elif child not in ended:
                ended[child] = (meaning, task, links)
        self._close([one for one in closed if one[0] not in ended])
        for meaning, state, reason in _BAD:
            self._end([child for child, (what, _, _) in ended.items() if what is meaning], state, reason)
        if ended:
            edges.drop(self._session, list(ended))
            self._session.finished = True
        if self._told is not None:
            self._told += [(text_id(task), _STATE[meaning]) for meaning, task, _ in ended.values()]
        return [_Word(task, False) for _, task, links in ended.values() if links & edges.PARENT]

    def _close(self, closed: Sequence[tuple[int, bytes]]) -> None:
        """Clear the marks of these edges; a child that misses nobody becomes ready."""
        if not closed:
            return
        for _, piece, size in padded(closed):
            values: list[Any] = [value for pair in piece for value in pair]
            self._session.change(
                f"update edge set open = 0 from (values {marks(2, size)}) v "
                "where edge.child = v.column1 and edge.parent = v.column2",
                (*values, *(None,) * (2 * (size - len(piece)))),
            )
        counts = Counter(child for child, _ in closed)
        self._session.change(
            "update task set missing = missing - (j.value ->> 1), "
            "state = case when missing <= j.value ->> 1 then 1 else 0 end, "
            "run_at = case when missing <= j.value ->> 1 then max(run_at, ?1) else run_at end "
            "from json_each(?2) j where task.seq = j.value ->> 0 and task.state = 0",
            (self._now, encode(list(counts.items()))),
        )
        self._session.work = True

    def _end(self, children: list[int], state: State, reason: Reason | None) -> None:
        if children:
            self._session.change(
                "update task set state = ?1, reason = ?2, finished_at = ?3, purge_at = ?3 + max(keep, ?4), "
                "held = null, missing = 0 where seq in (select value from json_each(?5)) and state = 0",
                (state.code, reason, self._now, TOMBSTONE, encode(children)),
            )

    def _mark(self, words: Sequence[_Word], items: Sequence[Item]) -> None:
        """Write down what is still to be done."""
        session, now = self._session, self._now
        last = session.row("select coalesce(max(seq), 0) from task")[0] if words else 0
        rows: list[tuple[Any, ...]] = [
            (session.project, word.parent, int(word.good), min(word.upto, last), None) for word in words
        ]
        for task, item in items:
            if item.insert_before is None or now < item.insert_before:
                # Late is judged when it became due, not when somebody comes to it: the mark cannot be used twice.
                rows.append((session.project, task, 1, 0, _encode(msgspec.structs.replace(item, insert_before=None))))
        insert(session, "owed", "project, task, good, upto, item", rows)
        self._waits = self._waits or bool(rows)

    def _unmark(self, which: list[int]) -> None:
        if which:
            self._session.change("delete from owed where id in (select value from json_each(?))", (encode(which),))

    def _first(self, limit: int) -> list[Any]:
        return self._session.rows(
            "select id, task, good, upto, item from owed where project = ? order by id limit ?",
            (self._session.project, limit),
        )


def _alike(rows: Sequence[Any]) -> Sequence[Any]:
    """Give the first marks that may go together: items, or words of as many parents."""
    is_item = rows[0][4] is not None
    parents: set[bytes] = set()
    for at, (_, parent, _, _, item) in enumerate(rows):
        if (item is not None) != is_item or (not is_item and parent in parents):
            return rows[:at]
        parents.add(parent)
    return rows


_BAD = ((Verdict.SKIPPED, State.SKIPPED, None), (Verdict.FAILED, State.FAILED, Reason.PARENT))
_STATE = {meaning: state for meaning, state, _ in _BAD}


def carry_on(session: Session) -> bool:
    """Do a budget's worth of what is marked, in a transaction of its own; say whether something is left."""
    work = FollowUps(session, session.now())
    work.carry_on()
    return work.waits
