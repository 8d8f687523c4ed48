"""Files that cannot hold a queue are refused with the reason, and left as they were."""

import sqlite3

import pytest

from omniq.errors import StoreCorrupt, StoreError
from omniq.testing.kit.words import draft
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def store_at(path):
    return SQLiteBackend(SQLiteOptions(path=str(path))).tasks()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.write_bytes(b"my precious notes " * 100)
    before = path.read_bytes()

    with pytest.raises(StoreError):
        await store_at(path).open()

    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_by_its_path(path):
    with sqlite3.connect(path) as other:
        other.execute("create table notes(text)")
    other.close()

    with pytest.raises(StoreCorrupt, match="belongs to another program"):
        await store_at(path).open()


async def test_a_newer_schema_is_refused_with_both_versions(path):
    async with store_at(path):
        pass
    with sqlite3.connect(path) as newer:
        newer.execute("pragma user_version = 99")
    newer.close()

    with pytest.raises(StoreCorrupt, match="schema 99"):
        await store_at(path).open()


async def test_a_folder_that_is_missing_is_made_or_named(tmp_path):
    async with store_at(tmp_path / "a" / "b" / "jobs.db") as store:
        assert await store.enqueue([draft()]) == []


async def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(StoreError):
        await store_at(tmp_path).open()
