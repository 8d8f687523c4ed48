"""Cancels, requeues or deletes whatever a filter meets, a page at a time.

Pages go from the newest task to the oldest by id, and an act changes no id: each task is met once, also one
that is requeued, fails again and would match again meanwhile. Tasks that are enqueued meanwhile are newer than
the place, so they are not met, and the walk ends.

Invariant: memory and the size of a call do not grow with the number of tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from omniq.client.looking import Filter, states_of, where
from omniq.errors import InvalidOption
from omniq.models.states import LIVE, TERMINAL, State
from omniq.models.values import Micros
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer, TaskRecord
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("Acted", "Purged", "Verb", "act", "foretell", "purge")

PAGE = 500


class Verb(StrEnum):
    """What an operator does to tasks."""

    CANCEL = "cancel"
    REQUEUE = "requeue"
    DELETE = "delete"


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """What acting on a filter came to: `matched` tasks were met, `counts` says how many answered what."""

    matched: int
    counts: dict[str, int]
    dry_run: bool = False
    """Nothing was done; the counts are what would have been answered, but for `held` and `needed`."""


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge came to. `left` tasks run, or are named by a child that has not ended."""

    cancelled: int
    deleted: int
    left: int
    dry_run: bool = False


_MAY: dict[Verb, frozenset[State]] = {
    Verb.CANCEL: LIVE,
    Verb.REQUEUE: TERMINAL - {State.SUCCEEDED},
    Verb.DELETE: TERMINAL,
}
"""The states in which a verb does something; the default of a filter that names none..."""
_USUAL: dict[Verb, frozenset[State]] = {**_MAY, Verb.REQUEUE: frozenset({State.FAILED})}
"""...but for requeue: somebody cancelled the others on purpose, or the time was over."""

_MISSING = {
    Verb.CANCEL: CancelAnswer.MISSING,
    Verb.REQUEUE: RequeueAnswer.MISSING,
    Verb.DELETE: DeleteAnswer.MISSING,
}


async def act(store: BaseTaskQueue, verb: Verb, which: Filter, *, delay: Micros = 0, dry_run: bool = False) -> Acted:
    """Do one verb to all that a filter meets.

    Raises:
        InvalidOption: the filter is empty, or has a state in which the verb does nothing.
    """
    counts: Counter[str] = Counter()
    async for records in _pages(store, _judged(verb, which)):
        ids = [record.id for record in records]
        if dry_run:
            answers: Sequence[str] = [_would(verb, record) for record in records]
        elif verb is Verb.CANCEL:
            answers = await store.cancel(ids)
        elif verb is Verb.REQUEUE:
            answers = await store.requeue(ids, delay=delay)
        else:
            answers = await store.delete(ids)
        counts.update(str(answer) for answer in answers)
    return Acted(matched=counts.total(), counts=dict(counts), dry_run=dry_run)


async def purge(store: BaseTaskQueue, queue: str, *, dry_run: bool = False) -> Purged:
    """Cancel what waits in a queue, then delete what has ended, cancelled before or now."""
    waiting = frozenset({State.WAITING, State.READY})
    cancelled = await act(store, Verb.CANCEL, Filter(queue=queue, state=waiting), dry_run=dry_run)
    deleted = await act(store, Verb.DELETE, Filter(queue=queue), dry_run=dry_run)
    gone, stopped = deleted.counts.get(DeleteAnswer.DELETED, 0), cancelled.counts.get(CancelAnswer.CANCELLED, 0)
    left = 0
    async for records in _pages(store, Filter(queue=queue)):
        left += len(records)
    if dry_run:  # what would be cancelled would be deleted too
        return Purged(cancelled=stopped, deleted=gone + stopped, left=left - gone - stopped, dry_run=True)
    return Purged(cancelled=stopped, deleted=gone, left=left)


async def foretell(store: BaseTaskQueue, verb: Verb, ids: Sequence[str]) -> list[Any]:
    """Say what a verb would answer each id; `held` and `needed` show only when it is done."""
    records = await store.get(ids)
    return [_MISSING[verb] if record is None else _would(verb, record) for record in records]


async def _pages(store: BaseTaskQueue, which: Filter) -> AsyncIterator[Sequence[TaskRecord]]:
    chosen, after = where(which, await store.server_now()), None
    while True:  # a page may be short, or empty, while more follow
        page = await store.list(chosen, limit=PAGE, after=after)
        if page.items:
            yield page.items
        after = page.next
        if after is None:
            return


def _judged(verb: Verb, which: Filter) -> Filter:
    if which == Filter():
        raise InvalidOption("ids", "give ids, or a filter: state, queue, name, tag, since")
    if which.state is None:
        return msgspec.structs.replace(which, state=_USUAL[verb])
    states = states_of(which.state)
    if not states:
        return msgspec.structs.replace(which, state=_USUAL[verb])
    if idle := states - _MAY[verb]:
        may = ", ".join(state for state in State if state in _MAY[verb])
        raise InvalidOption("state", f"{verb} does nothing to {', '.join(sorted(idle))} tasks; it takes {may}")
    return msgspec.structs.replace(which, state=states)


def _would(verb: Verb, record: TaskRecord) -> CancelAnswer | RequeueAnswer | DeleteAnswer:
    state = record.state
    match verb:
        case Verb.CANCEL if state.terminal:
            return CancelAnswer.FINISHED
        case Verb.CANCEL:
            return CancelAnswer.REQUESTED if state is State.RUNNING else CancelAnswer.CANCELLED
        case Verb.REQUEUE if state is State.SUCCEEDED:
            return RequeueAnswer.SUCCEEDED
        case Verb.REQUEUE:
            return RequeueAnswer.REQUEUED if state.terminal else RequeueAnswer.LIVE
        case Verb.DELETE:
            return DeleteAnswer.DELETED if state.terminal else DeleteAnswer.LIVE
