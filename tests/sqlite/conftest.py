"""A store in a fresh file, and the sessions that stores open under a test."""

import pytest

from omniq_sqlite import database
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def make(path):
    """Make another handle to the one file of this test, not yet open."""
    return lambda project="default": SQLiteBackend(SQLiteOptions(path=str(path)), project).tasks()


@pytest.fixture
def sessions(monkeypatch):
    """Every session that a store opened, in order."""
    opened = []
    original = database.connect

    def connect(*args):
        opened.append(original(*args))
        return opened[-1]

    monkeypatch.setattr(database, "connect", connect)
    return opened


@pytest.fixture
async def store(make, sessions):
    async with make() as store:
        yield store
