"""The short words that cases are written in: a task to write, a claim, an ending.

Every one takes what a case is about as an argument and fills the rest with one plain value, so a case shows
only what it depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from omniq.models.states import State
from omniq.models.values import SECOND, Micros, new_claim_id, new_id
from omniq.storage.base import BaseStore, Feature
from omniq.storage.records import Claimed, ClaimedTask, Hold, NewTask, Settlement, TaskRecord, UniqueKey
from omniq.storage.tasks import BaseTaskQueue

__all__ = (
    "FUSE",
    "LEASE",
    "declares",
    "draft",
    "end",
    "ending",
    "enqueue",
    "hold",
    "ids_of",
    "key",
    "record",
    "settle",
    "states",
    "take",
    "take_one",
)

LEASE: Micros = 15 * SECOND
FUSE = 30.0
"""Seconds after which a waiting case is given up: a fuse, never a measurement."""


def draft(**changes: Any) -> NewTask:
    """Make a task to write; its digest covers everything but the id."""
    fields: dict[str, Any] = {"name": "kit:task", **changes}
    content = repr(sorted(fields.items(), key=lambda item: item[0])).encode()
    fields.setdefault("digest", hashlib.blake2b(content, digest_size=16).digest())
    fields.setdefault("id", new_id())
    return NewTask(**fields)


def key(text: str, **changes: Any) -> UniqueKey:
    """Make a unique key."""
    return UniqueKey(hashlib.blake2b(text.encode(), digest_size=16).digest(), **changes)


async def enqueue(store: BaseTaskQueue, *tasks: NewTask) -> list[str]:
    """Write tasks that nothing stands against; give their ids."""
    refused = await store.enqueue(list(tasks))
    assert refused == []
    return [task.id for task in tasks]


async def take(
    store: BaseTaskQueue,
    limit: int = 1,
    *,
    queues: Sequence[str] = ("default",),
    lease: Micros = LEASE,
    worker: str = "kit",
    claim_id: int | None = None,
    wait: Micros = 0,
) -> Claimed:
    """Claim with an id of its own."""
    return await store.claim(
        queues,
        limit=limit,
        lease=lease,
        worker=worker,
        claim_id=new_claim_id() if claim_id is None else claim_id,
        wait=wait,
    )


async def take_one(store: BaseTaskQueue, **options: Any) -> ClaimedTask:
    """Claim the one task that must be there."""
    claimed = await take(store, 1, **options)
    assert len(claimed.tasks) == 1, "nothing was given, and one task is ready"
    return claimed.tasks[0]


def hold(task: ClaimedTask, note: bytes | None = None) -> Hold:
    """Name a claimed task for a renewal."""
    return Hold(task.fence, task.ref, note)


def ending(task: ClaimedTask, to: State = State.SUCCEEDED, **changes: Any) -> Settlement:
    """Say how an attempt ended."""
    return Settlement(fence=task.fence, ref=task.ref, to=to, **changes)


async def settle(store: BaseTaskQueue, task: ClaimedTask, to: State = State.SUCCEEDED, **changes: Any) -> None:
    """Settle one attempt, which must go as asked."""
    assert await store.settle([ending(task, to, **changes)]) == []


async def end(store: BaseTaskQueue, state: State, **changes: Any) -> str:
    """Bring one fresh task into a terminal state by the shortest way; give its id."""
    task = draft(**changes)
    await enqueue(store, task)
    if state is State.CANCELLED:
        await store.cancel([task.id])
    else:
        await settle(store, await take_one(store, queues=[task.queue]), state)
    return task.id


async def record(store: BaseTaskQueue, task_id: str, *, payload: bool = False, result: bool = False) -> TaskRecord:
    """Read one record that must be there."""
    [found] = await store.get([task_id], payload=payload, result=result)
    assert found is not None, f"task {task_id} is not known"
    return found


async def states(store: BaseTaskQueue, ids: Iterable[str]) -> list[State | None]:
    """Read where tasks stand, None for an unknown one."""
    return [None if found is None else found.state for found in await store.get(list(ids))]


def ids_of(tasks: Iterable[ClaimedTask]) -> list[str]:
    """Give the ids in order."""
    return [task.fence.task_id for task in tasks]


def declares(store: BaseStore, feature: Feature) -> bool:
    """Say whether a store declares all of these."""
    return feature in store.capabilities.features
