"""How a call to enqueue is cut up: plain tasks many to a statement, tasks with parents many where they can be,
and one by one what depends on its neighbours.

Invariant: tasks take effect in input order, so a parent may stand before its child in one call, and of two with
one key the first wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from omniq.models.states import Until
from omniq.models.values import Micros
from omniq.storage.records import EnqueueAnswer, NewTask, Refusal
from omniq_sqlite.session import Session
from omniq_sqlite.tasks import children, edges, keys, write

__all__ = ("check", "enqueue", "is_plain")


def check(tasks: Sequence[NewTask]) -> None:
    """Refuse what no caller may send, before anything is written.

    Raises:
        ValueError: a priority outside 0 to 9, which would be another queue's lane.
    """
    for task in tasks:
        if not 0 <= task.priority <= 9:
            raise ValueError(f"priority {task.priority} of task {task.id}: it must be 0 to 9")


def is_plain(task: NewTask) -> bool:
    """Say whether a task asks for nothing but its own row."""
    return not task.parents and (task.unique is None or task.unique.until is not Until.WINDOW)


def enqueue(session: Session, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
    """Create tasks; answer those that were not created."""
    if not any(one.parents or one.unique is not None for one in tasks):
        return write.enqueue(session, tasks)
    timed = any(one.unique is not None for one in tasks) and keys.any_timed(session, session.now())
    if not timed and all(is_plain(one) for one in tasks):
        return write.enqueue(session, tasks)
    return _Pass(session, timed).enqueue(tasks)


class _Pass:
    """One walk over a mixed call; `refused` are ids of this call whose children are not to be created."""

    def __init__(self, session: Session, timed: bool) -> None:
        self._session = session
        self._timed = timed
        self._now: Micros = session.now()
        self._refused: set[str] = set()

    def enqueue(self, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
        answers: list[EnqueueAnswer] = []
        at = 0
        while at < len(tasks):
            end = self._run_from(tasks, at)
            found = self._run(tasks[at:end], at)
            answers += found
            told = {one.index: one.what for one in found}
            for index in range(at, end):
                task, what = tasks[index], told.get(index)
                if what is not None and what is not Refusal.KNOWN:
                    self._refused.add(task.id)
                elif what is None and (task.unique is not None or task.parents or task.insert_before is not None):
                    self._refused.discard(task.id)
            at = end
        return answers

    def _run_from(self, tasks: Sequence[NewTask], at: int) -> int:
        """Give the end of the longest run that may go together."""
        first = self._together(tasks[at])
        if first is None:
            return at + 1
        ids: set[str] = set()
        end = at
        while end < len(tasks) and self._together(task := tasks[end]) == first:
            if first and (task.id in ids or not ids.isdisjoint(task.parents)):
                break
            ids.add(task.id)
            end += 1
        return end

    def _together(self, task: NewTask) -> bool | None:
        """Say with which neighbours a task may go: False plain ones, True other children, None none."""
        if not task.parents:
            return False if is_plain(task) and not (self._timed and task.unique is not None) else None
        return True if task.unique is None and task.insert_before is None else None

    def _run(self, tasks: Sequence[NewTask], start: int) -> list[EnqueueAnswer]:
        kind = self._together(tasks[0])
        if kind is False:
            return [_moved(one, start) for one in write.enqueue(self._session, tasks)]
        if kind is True:
            return children.enqueue(self._session, tasks, start, self._now, self._refused)
        [task] = tasks
        answer = self._judged(task, start)
        if answer is not None:
            return [answer]
        children.create(self._session, [task], self._now)
        if task.unique is not None and task.unique.until is Until.WINDOW:
            keys.take(self._session, task, task.unique, self._now)
            self._timed = True
        return []

    def _judged(self, task: NewTask, index: int) -> EnqueueAnswer | None:
        """Ask everything that may stand in the way of one task: id, key, parents, time."""
        answer = write.refusal(self._session, task, index, self._now)
        if answer is not None:
            return answer
        found = edges.states_of(self._session, task.parents)
        for parent in task.parents:
            if parent in self._refused or parent not in found:
                return EnqueueAnswer(index=index, id=task.id, what=Refusal.PARENT, holder=parent)
        if task.insert_before is not None and self._now >= task.insert_before:
            return EnqueueAnswer(index=index, id=task.id, what=Refusal.LATE)
        return None


def _moved(answer: EnqueueAnswer, start: int) -> EnqueueAnswer:
    return msgspec.structs.replace(answer, index=answer.index + start) if start else answer
