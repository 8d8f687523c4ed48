"""A holder without a conscience: claims, falls silent, and settles long after others have taken over.

The engine fences itself by its own clock, so a worker that wakes up hardly ever sends a stale outcome. This one
always does, while the task is running elsewhere: what refuses it is the fence of the store, and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Any

from field import Log

from omniq.errors import StoreUnavailable
from omniq.models.states import State
from omniq.models.values import MILLISECOND, new_claim_id
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import Claimed, ClaimedTask, Hold, Settlement, TaskRecord, Trouble
from omniq.testing.history import Kind

__all__ = ("haunt",)

MOST = 4
"""Tasks of one zombie."""
LEASE = 200 * MILLISECOND


async def haunt(store: Any, log: Log, name: str) -> list[str]:
    """Be one zombie; give the tasks for which the store believed it."""
    claimed = await _claim(store, name)
    for task in claimed.tasks:
        fence = task.fence
        log.write(Kind.STARTED, process=name, task=fence.task_id, attempt=fence.attempt, claim_id=fence.claim_id)
    log.write(Kind.FROZEN, process=name)
    left = {task.fence.task_id: task for task in claimed.tasks}
    believed = []
    while left:
        for record in await _patiently(store.get, list(left)):
            task = left[record.id]
            if record.state.terminal:
                del left[record.id]  # over before the zombie woke up: too late to be wrong
            elif _is_run_elsewhere(record, task):
                believed += await _speak(store, left.pop(record.id))
        await asyncio.sleep(0.002)
    log.write(Kind.THAWED, process=name)
    return believed


async def _claim(store: Any, name: str) -> Claimed:
    while True:
        claim_id = new_claim_id()
        try:
            return await store.claim(["default"], limit=MOST, lease=LEASE, worker=name, claim_id=claim_id)
        except StoreUnavailable:  # taken away on purpose
            await _patiently(store.abandon, claim_id)


def _is_run_elsewhere(record: TaskRecord, task: ClaimedTask) -> bool:
    return record.state is State.RUNNING and record.attempt > task.fence.attempt


async def _speak(store: Any, task: ClaimedTask) -> list[str]:
    fence = task.fence
    value = SerializationManager().dump_result(["zombie", fence.attempt])
    late = Settlement(fence=fence, ref=task.ref, to=State.SUCCEEDED, result=value)
    answers = [
        *await _patiently(store.settle, [late]),
        *await _patiently(store.extend, [Hold(fence, task.ref)], lease=LEASE),
    ]
    return [] if [one.what for one in answers] == [Trouble.LOST] * 2 else [fence.task_id]


async def _patiently(call: Any, *args: Any, **options: Any) -> Any:
    while True:
        try:
            return await call(*args, **options)
        except StoreUnavailable:
            await asyncio.sleep(0.05)
