"""Results in one file, for tasks that live elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from omniq.direct import is_direct
from omniq.models.values import SECOND, Micros
from omniq.storage.base import Capabilities, Durability, Feature
from omniq.storage.records import Fence
from omniq.storage.results import BaseResultStorage, StoredResult
from omniq_sqlite.bell import FINISHED
from omniq_sqlite.session import Session
from omniq_sqlite.store import SQLiteStore
from omniq_sqlite.tasks.rows import blob_id

__all__ = ("SQLiteResultStorage",)

BACKSTOP = 5.0
_KEY = "project = ? and id = ? and attempt = ? and claim = ?"


class SQLiteResultStorage(SQLiteStore, BaseResultStorage):
    """Results of one project in one file, keyed by the whole fence."""

    @property
    def capabilities(self) -> Capabilities:
        full = self._options.synchronous == "FULL"
        return Capabilities(
            features=Feature.NOTIFY | Feature.DIRECT,
            batch_atomic=1 << 30,
            max_payload=64 << 20,
            max_parents=0,
            durability=Durability.POWER if full else Durability.CRASH,
        )

    async def put(self, results: Sequence[tuple[Fence, StoredResult]]) -> None:
        await self._database.run(partial(_put, results=results), rows=len(results))

    async def get(self, fences: Sequence[Fence]) -> list[StoredResult | None]:
        return await self._database.run(partial(_get, fences=fences), rows=len(fences), writes=False)

    async def delete(self, fences: Sequence[Fence]) -> None:
        await self._database.run(partial(_delete, fences=fences), rows=len(fences))

    async def purge(self, limit: int) -> int:
        return await self._database.run(partial(_purge, limit=limit))

    async def wait(self, fences: Sequence[Fence], *, timeout: Micros) -> list[Fence]:
        ask = partial(_present, fences=fences)
        if timeout <= 0 or is_direct():
            return await self._database.run(ask, rows=len(fences), writes=False)
        ear = await self._database.ear()
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout / SECOND
        while True:
            seen = ear.count(FINISHED)
            found = await self._database.run(ask, rows=len(fences), writes=False)
            left = end - loop.time()
            if found or left <= 0:
                return found
            await ear.wait(FINISHED, seen, min(left, BACKSTOP))
            if ear.closed:
                return []


def _key(session: Session, fence: Fence) -> tuple[int, bytes, int, int]:
    return (session.project, blob_id(fence.task_id), fence.attempt, fence.claim_id)


def _put(session: Session, results: Sequence[tuple[Fence, StoredResult]]) -> None:
    now = session.now()
    for fence, one in results:
        session.change(
            "insert or replace into result(project, id, attempt, claim, until, value, error) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (*_key(session, fence), now + one.keep, one.value, one.error),
        )
    session.finished = True


def _get(session: Session, fences: Sequence[Fence]) -> list[StoredResult | None]:
    now = session.now()
    found: list[StoredResult | None] = []
    for fence in fences:
        row = session.row(f"select value, error, until from result where {_KEY}", _key(session, fence))
        if row is None or row[2] <= now:
            found.append(None)
        else:
            found.append(StoredResult(value=row[0], error=row[1], keep=row[2] - now))
    return found


def _present(session: Session, fences: Sequence[Fence]) -> list[Fence]:
    return [fence for fence, one in zip(fences, _get(session, fences), strict=True) if one is not None]


def _delete(session: Session, fences: Sequence[Fence]) -> None:
    for fence in fences:
        session.change(f"delete from result where {_KEY}", _key(session, fence))


def _purge(session: Session, limit: int) -> int:
    rows = session.rows(
        "select project, id, attempt, claim from result where project = ? and until <= ? order by until limit ?",
        (session.project, session.now(), limit),
    )
    for row in rows:
        session.change(f"delete from result where {_KEY}", row)
    return len(rows)
