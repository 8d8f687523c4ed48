"""Where chaos may rage: one fresh place a backend, and what can be done to its server.

A new backend adds one function here. Its `server` is anything with `kill` and `restart`: for a server of its own
that is `omniq.testing.server.ServerProcess`.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

sys.path.append(str(Path(__file__).parents[2]))  # run as a script, only this folder is on the path

from tests.redis.server import running

__all__ = ("ARENAS", "Arena", "Server")


class Server(Protocol):
    """What a run does to a server: take it away, and bring it back as it was."""

    def kill(self) -> object: ...

    def restart(self) -> object: ...


class Arena(NamedTuple):
    """One place, open for the length of a run. `software` names engine and version for the report."""

    url: str
    software: str
    server: Server


Opener: TypeAlias = Callable[[Path], Iterator[Arena]]


class WriteLock:
    """The outage that a file can have: somebody holds its write lock and does not let go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def kill(self) -> None:
        self._connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        self._connection.execute("begin immediate")

    def restart(self) -> None:
        if self._connection is not None:
            self._connection.rollback()
            self._connection.close()
            self._connection = None


@contextmanager
def sqlite(folder: Path) -> Iterator[Arena]:
    path = folder / "chaos.db"
    yield Arena(f"sqlite:///{path}", f"SQLite {sqlite3.sqlite_version}", WriteLock(path))


@contextmanager
def redis(folder: Path) -> Iterator[Arena]:
    # Written and synced before each answer: with less, Redis itself forgets what it said when it is killed.
    with running(appendonly="yes", appendfsync="always") as server:
        yield Arena(server.url, server.software, server)


ARENAS = {"sqlite": sqlite, "redis": redis}
