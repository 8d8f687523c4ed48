"""The small versioned key-value space: schedules and the presence of workers."""

from __future__ import annotations

from omniq.models.values import Micros
from omniq.storage.records import KvEntry
from omniq_redis.client import Client
from omniq_redis.scripts import script

__all__ = ("delete", "due", "get", "page", "put")


async def get(client: Client, namespace: str, key: str) -> KvEntry | None:
    """Read one entry."""
    found = await client.command(b"HGET", f"{client.prefix}v:{namespace}", key)
    return None if found is None else _entry(key.encode(), found)


async def put(
    client: Client, now: bytes, namespace: str, key: str, value: bytes, expect: int, due: Micros | None
) -> int | None:
    """Write one entry by compare-and-set; None where `expect` missed."""
    when = b"" if due is None else b"%d" % due
    version = await client.run(script("kv_put"), now, namespace, key, expect, when, value)
    return version or None


async def delete(client: Client, now: bytes, namespace: str, key: str, expect: int) -> bool:
    """Remove one entry by compare-and-set."""
    return bool(await client.run(script("kv_delete"), now, namespace, key, expect))


async def page(
    client: Client, now: bytes, namespace: str, limit: int, after: str | None
) -> tuple[list[KvEntry], str | None]:
    """Read entries in order of their keys."""
    more, *flat = await client.run(
        script("kv_list"), now, namespace, limit, b"" if after is None else b"1", after or ""
    )
    entries = _entries(flat)
    return entries, entries[-1].key if more and entries else None


async def due(client: Client, now: bytes, namespace: str, limit: int) -> tuple[list[KvEntry], Micros | None]:
    """Read entries whose due is past, and µs to the next that is not among them."""
    following, *flat = await client.run(script("kv_due"), now, namespace, limit)
    return _entries(flat), None if following < 0 else following


def _entries(flat: list[bytes]) -> list[KvEntry]:
    return [_entry(key, value) for key, value in zip(flat[::2], flat[1::2], strict=True)]


def _entry(key: bytes, stored: bytes) -> KvEntry:
    due_at = int.from_bytes(stored[8:16], "big")
    return KvEntry(
        key=key.decode(),
        value=stored[16:],
        version=int.from_bytes(stored[:8], "big"),
        due=due_at - 1 if due_at else None,
    )
