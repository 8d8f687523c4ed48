"""The small versioned key-value space: schedules and the presence of workers.

A write by compare-and-set that missed is fine where the entry already says the same: that was the writer's own
lost reply.

Invariant: an entry that is made anew has a higher version than the one before it had, since versions are times.
"""

from __future__ import annotations

from typing import Any

from omniq.models.values import Micros
from omniq.storage.records import KvEntry
from omniq.storage.tasks import ANY_VERSION
from omniq_sqlite.session import Session

__all__ = ("delete", "due", "get", "page", "put")

_ENTRY = "key, value, version, due"


def get(session: Session, namespace: str, key: str) -> KvEntry | None:
    """Read one entry."""
    row = session.row(
        f"select {_ENTRY} from kv where project = ? and namespace = ? and key = ?", (session.project, namespace, key)
    )
    return None if row is None else _entry(row)


def put(session: Session, namespace: str, key: str, *, value: bytes, expect: int, due: Micros | None) -> int | None:
    """Write one entry by compare-and-set; give its version, None where `expect` missed."""
    found = get(session, namespace, key)
    version = 0 if found is None else found.version
    if found is not None and expect != version and (found.value, found.due) == (value, due):
        return version
    if expect not in (ANY_VERSION, version):
        return None
    version = max(version + 1, session.now())
    session.change(
        "insert or replace into kv(project, namespace, key, value, version, due) values (?, ?, ?, ?, ?, ?)",
        (session.project, namespace, key, value, version, due),
    )
    return version


def delete(session: Session, namespace: str, key: str, *, expect: int) -> bool:
    """Remove one entry by compare-and-set; False where it missed."""
    found = get(session, namespace, key)
    if found is None:
        return True
    if expect not in (ANY_VERSION, found.version):
        return False
    session.change("delete from kv where project = ? and namespace = ? and key = ?", (session.project, namespace, key))
    return True


def page(session: Session, namespace: str, *, limit: int, after: str | None) -> tuple[list[KvEntry], str | None]:
    """Read entries in order of their keys, and what to go on behind."""
    rows = session.rows(
        f"select {_ENTRY} from kv where project = ? and namespace = ? {'' if after is None else 'and key > ? '}"
        "order by key limit ?",
        (session.project, namespace, *(() if after is None else (after,)), limit + 1),
    )
    entries = [_entry(row) for row in rows[:limit]]
    return entries, entries[-1].key if entries and len(rows) > limit else None


def due(session: Session, namespace: str, *, limit: int) -> tuple[list[KvEntry], Micros | None]:
    """Read what is due, earliest first, and the time to the next entry that was not given."""
    now = session.now()
    rows = session.rows(
        f"select {_ENTRY} from kv where project = ? and namespace = ? and due is not null order by due, key limit ?",
        (session.project, namespace, limit + 1),
    )
    entries = [_entry(row) for row in rows]
    found = [one for one in entries[:limit] if one.due is not None and one.due <= now]
    following = next((one.due for one in entries[len(found) :] if one.due is not None), None)
    return found, None if following is None else max(0, following - now)


def _entry(row: Any) -> KvEntry:
    key, value, version, due = row
    return KvEntry(key=key, value=value, version=version, due=due)
