"""Claim, stand by, abandon and reclaim: tasks under lease, decoded once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from omniq.models.values import SECOND, Micros
from omniq.storage.records import ABANDONED_FOR, Claimed, ClaimedTask, Fence
from omniq_redis.client import Client
from omniq_redis.scripts import script
from omniq_redis.tasks.layout import id_text, name_of_queue, opened, unpack_claimed
from omniq_redis.tasks.write import BATCH

__all__ = ("Ask", "abandon", "claim", "reclaim", "stand_by")

POLL = 4.0
"""Seconds after which somebody who stands by asks again, woken or not."""

HALTED = -2
"""In place of the next due: more is overdue than one call could put in its order, so it must be asked again."""


class Ask:
    """One claim as it goes to the script, sent as often as it takes to get something."""

    __slots__ = ("claim_id", "lease", "limit", "queues", "worker")

    def __init__(self, queues: Sequence[str], limit: int, lease: Micros, worker: str, claim_id: int) -> None:
        self.queues = [queue.encode() for queue in queues]
        self.limit, self.lease, self.claim_id = limit, lease, claim_id
        self.worker = worker.encode()

    def args(self, now: bytes, limit: int) -> list[bytes | str | int]:
        """Give the arguments of the script for up to so many tasks."""
        return [now, limit, self.lease, self.claim_id.to_bytes(8, "big"), self.worker, *self.queues]


async def claim(client: Client, now: bytes, ask: Ask) -> Claimed:
    """Take up to the limit of what is ready, at once; a large claim is several calls."""
    claimed = Claimed(tasks=[], now=0)
    while True:
        limit = min(ask.limit - len(claimed.tasks), BATCH)
        reply = await client.run(script("claim"), *ask.args(now, limit))
        more = _claimed(reply, ask.claim_id)
        claimed = Claimed(
            tasks=claimed.tasks + more.tasks,
            expired=claimed.expired + more.expired,
            next_due=more.next_due,
            now=claimed.now or more.now,
        )
        if len(claimed.tasks) >= ask.limit:
            return claimed
        if reply[1] == HALTED and not claimed.tasks and not claimed.expired:
            continue
        if claimed.next_due is not None or len(more.tasks) < limit:
            return claimed


async def stand_by(client: Client, now: bytes, ask: Ask, next_due: Micros | None, seconds: float) -> Claimed:
    """Wait for a wake-up, at most until something is due, and claim.

    Raises:
        StoreClosed: the handle closes during the wait.
    """
    if next_due is not None:
        seconds = min(seconds, next_due / SECOND)
    markers = [f"{client.prefix}m:".encode() + queue for queue in ask.queues]
    if not markers:
        await asyncio.sleep(min(seconds, POLL))
        return Claimed(tasks=[], now=0)
    args = ask.args(now, min(ask.limit, BATCH))
    reply = await client.stand_by(markers, min(seconds, POLL), script("claim"), args)
    if reply[1] == HALTED and not reply[2] and not reply[3]:
        return await claim(client, now, ask)
    return _claimed(reply, ask.claim_id)


async def abandon(client: Client, now: bytes, claim_id: int) -> None:
    """Put back what runs under this claim, and shut the door to one that comes late."""
    await client.run(script("abandon"), now, claim_id.to_bytes(8, "big"), ABANDONED_FOR)


async def reclaim(
    client: Client, now: bytes, limit: int, lease: Micros, worker: str, claim_id: int
) -> list[ClaimedTask]:
    """Take over leases that are past, oldest first."""
    found: list[ClaimedTask] = []
    while len(found) < limit:
        want = min(limit - len(found), BATCH)
        reply = await client.run(script("reclaim"), now, want, lease, claim_id.to_bytes(8, "big"), worker)
        ids, blobs, envelopes, notes = reply
        found += _tasks(ids, blobs, envelopes, notes, claim_id)
        if len(ids) < want:
            break
    return found


def _claimed(reply: list[Any], claim_id: int) -> Claimed:
    now, due, expired, members, blobs, envelopes, notes = reply
    return Claimed(
        tasks=_tasks([member[6:] for member in members], blobs, envelopes, notes, claim_id) if members else [],
        expired=[id_text(expired[at : at + 16]) for at in range(0, len(expired), 16)],
        next_due=0 if due == HALTED else None if due < 0 else due,
        now=now,
    )


def _tasks(
    ids: list[bytes], blobs: list[bytes], envelopes: list[bytes], notes: list[bytes], claim_id: int
) -> list[ClaimedTask]:
    noted = dict(zip(notes[::2], notes[1::2], strict=True)) if notes else {}
    tasks = []
    for raw, blob, envelope in zip(ids, blobs, envelopes, strict=True):
        flags, attempt, _, failures, crashes, releases, snoozes, enqueued_at, prio = unpack_claimed(blob)
        name, _, policy, payload = opened(envelope)
        tasks.append(
            ClaimedTask(
                fence=Fence(id_text(raw), attempt, claim_id),
                ref=None,
                name=name,
                queue=name_of_queue(blob),
                priority=9 - prio,
                payload=payload,
                policy=policy,
                failures=failures,
                crashes=crashes,
                releases=releases,
                snoozes=snoozes,
                cancel=flags & 1 == 1,
                enqueued_at=enqueued_at,
                note=noted.get(raw, b"") if noted else b"",
            )
        )
    return tasks
