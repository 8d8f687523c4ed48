"""What is asked without changing anything: get, list, stats, and who has ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from omniq.models.states import State
from omniq.storage.records import Page, QueueStats, TaskRecord, Where
from omniq_redis.client import Client
from omniq_redis.scripts import script
from omniq_redis.tasks.layout import id_bytes, id_text, record_of
from omniq_redis.tasks.write import BATCH

__all__ = ("ended", "get", "page", "stats")

SCANNED = 1_000
"""Tasks that a page looks at beyond its limit before it ends short."""


async def get(
    client: Client, now: bytes, ids: Sequence[str], *, payload: bool, result: bool
) -> list[TaskRecord | None]:
    """Read tasks, one answer an id."""
    found: list[TaskRecord | None] = []
    flags = (b"1" if payload else b"", b"1" if result else b"")
    for start in range(0, len(ids), BATCH):
        rows = await client.run(script("get"), now, *flags, *map(id_bytes, ids[start : start + BATCH]))
        found += [None if row is None else _shown(row, payload=payload) for row in rows]
    return found


async def ended(client: Client, now: bytes, ids: Sequence[str], *, ask: bool) -> list[str]:
    """Give those that are terminal or unknown; where none is and `ask`, a message comes when one ends."""
    found: list[str] = []
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        places = await client.run(script("watch"), now, b"1" if ask and not found else b"", *map(id_bytes, part))
        found += [part[place] for place in places]
    return found


async def page(client: Client, now: bytes, where: Where, limit: int, after: str | None) -> Page:
    """Read a page, newest first by id.

    Raises:
        ValueError: `after` is no such value.
    """
    below = b"" if after is None else uuid.UUID(after).bytes
    reply = await client.run(
        script("list"),
        now,
        min(limit, BATCH),
        below,
        SCANNED,
        "".join(str(state.code) for state in where.states),
        where.queue or "",
        where.name or "",
        where.tag or "",
        b"" if where.since is None else where.since,
        b"" if where.until is None else where.until,
    )
    last, *rows = reply
    items = [_shown(row, payload=False) for row in rows]
    if where.tag is not None:
        items = [one for one in items if where.tag in one.tags]
    return Page(items, id_text(last) if last else None)


async def stats(client: Client, now: bytes, queues: Sequence[str] | None) -> list[QueueStats]:
    """Count the named queues, or all that have tasks or are paused, sorted by name."""
    if queues is not None and not queues:
        return []
    if queues is None:
        counted = await client.command(b"HKEYS", f"{client.prefix}c")
        names = {field[1:] for field in counted if field.startswith(b"n")}
        names.update(await client.command(b"HKEYS", f"{client.prefix}z"))
    else:
        names = {queue.encode() for queue in queues}
    asked, rows = sorted(names), []
    for start in range(0, len(asked), BATCH):
        rows += await client.run(script("stats"), now, *asked[start : start + BATCH])
    found: dict[str, QueueStats] = {}
    for name, ready, oldest, paused, waiting, *others in rows:
        counts = dict(zip(State, (waiting, ready, *others), strict=True))
        if queues is not None or paused or any(counts.values()):
            queue = name.decode()
            found[queue] = QueueStats(
                queue=queue,
                counts=counts,
                oldest_ready=None if oldest < 0 else oldest,
                paused=bool(paused),
            )
    return [found[queue] for queue in sorted(found)]


def _shown(row: list[bytes], *, payload: bool) -> TaskRecord:
    record = record_of(row)
    return record if payload else msgspec.structs.replace(record, payload=None)
