"""What the stores in one file share: life cycle, clock, findings."""

from __future__ import annotations

import sqlite3
from typing import Self

from omniq.models.values import Micros
from omniq.storage.base import BaseStore, Finding
from omniq_sqlite.database import Database
from omniq_sqlite.options import SQLiteOptions
from omniq_sqlite.session import Session

__all__ = ("SQLiteStore",)


class SQLiteStore(BaseStore):
    """A handle with a connection of its own. Any thread and any loop may call it."""

    name = "sqlite"

    def __init__(self, options: SQLiteOptions, project: str = "default") -> None:
        self._options = options
        self._project = project
        self._database = Database(options, project)

    async def open(self) -> None:
        self._database.clock = self.clock
        await self._database.start()

    async def close(self) -> None:
        await self._database.stop()

    def companion(self) -> Self:
        other = type(self)(self._options, self._project)
        other.clock = self.clock
        return other

    async def server_now(self) -> Micros:
        return await self._database.run(Session.now, rows=1, writes=False)

    async def check(self) -> list[Finding]:
        """Ask the engine whether the file is whole, and name what it survives."""
        verdict = await self._database.run(lambda session: session.row("pragma quick_check(1)")[0], writes=False)
        return [
            Finding(
                "integrity",
                verdict == "ok",
                f"{self._database.path}: {verdict}",
                "" if verdict == "ok" else "restore the file from a copy",
            ),
            Finding("engine", True, f"SQLite {sqlite3.sqlite_version}, synchronous={self._options.synchronous}"),
        ]

    def describe(self) -> str:
        return self._database.path
