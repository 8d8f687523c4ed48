"""What a child process of the crash cases does: one part, in a loop, until it is killed or nothing is left.

    python -m omniq.testing.child PART URL ARGUMENT

It writes one JSON array a line: what it is about to do, then that it was answered. A line is written at once, so of
what was answered at most the last line is missing when the child is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from omniq.models.states import State
from omniq.models.values import HOUR, new_claim_id
from omniq.plugins.registry import registry
from omniq.storage.records import NewTask, Settlement
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.kit.words import draft, key

__all__ = ("PROJECT", "main", "result_of")

PROJECT = "kit"


def say(*words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def result_of(task_id: str) -> bytes:
    """Give the result that a child writes for a task."""
    return f"result of {task_id}".encode() * 20


async def enqueue(store: BaseTaskQueue, size: int) -> None:
    """Write batches for ever."""
    while True:
        batch: list[NewTask] = [draft(payload=b"p" * 300) for _ in range(size)]
        ids = [task.id for task in batch]
        say("sends", ids)
        await store.enqueue(batch, fresh=True)
        say("sent", ids)


async def work(store: BaseTaskQueue, limit: int) -> None:
    """Claim and settle until nothing is left."""
    while tasks := (await _claim(store, limit, HOUR)).tasks:
        ids = [task.fence.task_id for task in tasks]
        say("settles", ids)
        await store.settle(
            [
                Settlement(fence=one.fence, ref=one.ref, to=State.SUCCEEDED, result=result_of(one.fence.task_id))
                for one in tasks
            ]
        )
        say("settled", ids)
    say("empty")


async def hold(store: BaseTaskQueue, limit: int) -> None:
    """Claim under a lease of a millisecond, and never settle."""
    say("holds", [task.fence.task_id for task in (await _claim(store, limit, 1_000)).tasks])
    await asyncio.Event().wait()


async def grab(store: BaseTaskQueue, count: int) -> None:
    """Write one task for each of so many keys."""
    for number in range(count):
        task = draft(unique=key(str(number)), payload=str(os.getpid()).encode())
        if not await store.enqueue([task]):
            say("got", number)
    say("empty")


PARTS = {"enqueue": enqueue, "grab": grab, "hold": hold, "work": work}


async def main(part: str, url: str, argument: str) -> None:
    """Open the place and play the part."""
    async with registry.backend(url, project=PROJECT).tasks() as store:
        say("ready")
        await PARTS[part](store, int(argument))


async def _claim(store: BaseTaskQueue, limit: int, lease: int) -> Any:
    return await store.claim(["default"], limit=limit, lease=lease, worker="child", claim_id=new_claim_id())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
