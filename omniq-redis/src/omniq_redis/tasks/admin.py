"""What an operator or the housekeeping does: cancel, requeue, delete, pause, sweep."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

from omniq.models.states import State
from omniq.models.values import Micros
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer, Swept
from omniq_redis.client import Client
from omniq_redis.scripts import script
from omniq_redis.tasks.layout import id_bytes, id_text
from omniq_redis.tasks.settle import resolve
from omniq_redis.tasks.write import BATCH

__all__ = ("cancel", "delete", "requeue", "set_paused", "sweep")

E = TypeVar("E", bound=Enum)


async def cancel(client: Client, now: bytes, ids: Sequence[str]) -> list[CancelAnswer]:
    """Cancel what waits, flag what runs."""
    answers: list[CancelAnswer] = []
    for start in range(0, len(ids), BATCH):
        left_over, *words = await client.run(script("cancel"), now, *map(id_bytes, ids[start : start + BATCH]))
        answers += _read(CancelAnswer, words)
        if left_over:
            await resolve(client, now)
    return answers


async def requeue(client: Client, now: bytes, ids: Sequence[str], delay: Micros) -> list[RequeueAnswer]:
    """Put tasks that ended badly back to ready."""
    answers: list[RequeueAnswer] = []
    while (start := len(answers)) < len(ids):
        words = await client.run(script("requeue"), now, delay, *map(id_bytes, ids[start : start + BATCH]))
        answers += _read(RequeueAnswer, words)
    return answers


async def delete(client: Client, now: bytes, ids: Sequence[str]) -> list[DeleteAnswer]:
    """Remove finished tasks."""
    answers: list[DeleteAnswer] = []
    for start in range(0, len(ids), BATCH):
        words = await client.run(script("delete"), now, *map(id_bytes, ids[start : start + BATCH]))
        answers += _read(DeleteAnswer, words)
    return answers


async def set_paused(client: Client, now: bytes, queues: Sequence[str], on: bool) -> None:
    """Stop or resume giving from queues."""
    for start in range(0, len(queues), BATCH):
        await client.run(script("pause"), now, b"1" if on else b"0", *queues[start : start + BATCH])


async def sweep(client: Client, now: bytes, limit: int) -> Swept:
    """Do a bounded piece of housekeeping."""
    more, purged, *ended = await client.run(script("sweep"), now, min(limit, BATCH))
    return Swept(
        ended=[(id_text(raw), State.of(int(state))) for raw, state in zip(ended[::2], ended[1::2], strict=True)],
        purged=purged,
        more=bool(more),
    )


def _read(kind: type[E], words: list[bytes]) -> list[E]:
    return [kind(word.decode()) for word in words]
