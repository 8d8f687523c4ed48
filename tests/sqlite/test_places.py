"""Files that cannot hold a queue are refused with the reason, and left as they were."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from omniq.direct import drive
from omniq.errors import StoreCorrupt, StoreError, StoreRefused, StoreUnavailable
from omniq.models.states import State
from omniq.testing.kit.words import draft, end, states
from omniq_sqlite import place
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions


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


async def test_a_foreign_file_is_not_even_changed_in_its_journal_mode(path):
    with sqlite3.connect(path) as other:
        other.execute("create table notes(text)")
    other.close()
    before = path.read_bytes()

    with pytest.raises(StoreCorrupt):
        await store_at(path).open()

    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["jobs.db"]


async def test_a_foreign_application_id_is_named(path):
    with sqlite3.connect(path) as other:
        other.execute("pragma application_id = 4242")
        other.execute("create table notes(text)")
    other.close()

    with pytest.raises(StoreCorrupt, match="0x1092"):
        await store_at(path).open()


async def test_a_damaged_page_is_told_by_the_call_that_meets_it(path):
    async with store_at(path) as store:
        for _ in range(4):
            await store.enqueue([draft() for _ in range(128)])
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))

    with pytest.raises(StoreCorrupt, match="damaged"):
        async with store_at(path) as store:
            await store.stats()


async def test_a_network_file_system_is_refused_by_its_name(path, monkeypatch):
    monkeypatch.setattr(place, "filesystem", lambda folder: "NFS")

    with pytest.raises(StoreRefused, match=r"network file system \(NFS\)"):
        await store_at(path).open()

    assert not path.exists()


def test_a_local_folder_is_no_network(tmp_path):
    assert place.filesystem(str(tmp_path)) == ""


def test_a_folder_that_is_gone_tells_no_file_system(tmp_path):
    assert place.filesystem(str(tmp_path / "gone")) == ""


@pytest.fixture
def open_folder():
    """A folder that any user may enter; pytest's own is for its user only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def refused_for_a_plain_user(path):
    """Open the store in a child without root's rights; give the text of its refusal."""
    read, write = os.pipe()
    number = os.fork()
    if number == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                drive(store_at(path).open())
                os.write(write, b"opened")
            except StoreRefused as why:
                os.write(write, str(why).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(number, 0)
    with os.fdopen(read, "rb") as answer:
        return answer.read().decode()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_read_only_folder_is_refused(open_folder):
    open_folder.chmod(0o555)

    assert "is read-only for this user" in refused_for_a_plain_user(open_folder / "jobs.db")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_read_only_file_is_refused(open_folder):
    path = open_folder / "jobs.db"
    store = store_at(path)
    drive(store.open())
    drive(store.close())
    path.chmod(0o444)
    open_folder.chmod(0o777)

    assert refused_for_a_plain_user(path) == f"{path} is read-only for this user; give it read and write permission"


@pytest.mark.parametrize("direct", [False, True])
async def test_a_locked_file_is_given_up_with_the_reason(path, monkeypatch, direct):
    for module in ("database", "session"):
        monkeypatch.setattr(f"omniq_sqlite.{module}.BUSY_LIMIT", 0.05)
    async with store_at(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        task = draft()

        async def enqueue():
            return drive(store.enqueue([task])) if direct else await store.enqueue([task])

        with pytest.raises(StoreUnavailable, match="locked"):
            await enqueue()
        assert await states(store, [task.id]) == [None]  # reads go on meanwhile
        other.execute("rollback")
        other.close()

        assert await store.enqueue([task]) == []


async def test_a_lock_that_is_let_go_in_time_is_only_a_wait(path):
    async with store_at(path) as store:
        await store.enqueue([draft()])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        writing = asyncio.ensure_future(store.enqueue([draft()]))
        await asyncio.sleep(0)

        other.execute("commit")
        other.close()

        assert await writing == []


async def test_many_handles_may_open_a_new_file_at_once(path):
    stores = [store_at(path) for _ in range(8)]

    await asyncio.gather(*(one.open() for one in stores))

    assert await asyncio.gather(*(one.enqueue([draft()]) for one in stores)) == [[]] * 8
    assert (await stores[0].stats())[0].counts[State.READY] == 8
    await asyncio.gather(*(one.close() for one in stores))


async def test_projects_in_one_file_know_nothing_of_each_other(path):
    def of(project):
        return SQLiteBackend(SQLiteOptions(path=str(path)), project).tasks()

    async with of("one") as one, of("two") as two:
        task = draft()

        assert await one.enqueue([task]) == []
        assert await two.get([task.id]) == [None]
        assert await two.enqueue([task]) == []
        await end(two, State.SUCCEEDED, queue="other")

        assert [stats.queue for stats in await one.stats()] == ["default"]


async def test_check_says_that_the_file_is_whole(path):
    async with store_at(path) as store:
        [integrity, engine] = await store.check()

    assert (integrity.ok, integrity.text) == (True, f"{path}: ok")
    assert "synchronous=NORMAL" in engine.text


@pytest.mark.parametrize("mode", [0o620, 0o602])
async def test_a_file_that_others_may_write_is_not_private(path, mode):
    async with SQLiteBackend(SQLiteOptions(path=str(path))).tasks():
        pass
    path.parent.chmod(0o755)
    path.chmod(0o644)
    backend = SQLiteBackend(SQLiteOptions(path=str(path)))

    assert backend.private
    path.chmod(mode)
    assert not backend.private


async def test_a_folder_that_others_may_write_is_not_private(path):
    path.parent.chmod(0o777)

    assert not SQLiteBackend(SQLiteOptions(path=str(path / "deeper" / "jobs.db"))).private


def test_a_link_is_as_private_as_what_it_leads_to(tmp_path):
    tmp_path.chmod(0o700)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (tmp_path / "folder").symlink_to(shared)
    (tmp_path / "jobs.db").symlink_to(shared / "jobs.db")

    assert not SQLiteBackend(SQLiteOptions(path=str(tmp_path / "folder" / "jobs.db"))).private
    assert not SQLiteBackend(SQLiteOptions(path=str(tmp_path / "jobs.db"))).private


def test_a_home_that_others_may_write_is_not_private(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    backend = SQLiteBackend(SQLiteOptions(path="~/jobs.db"))

    assert backend.private
    tmp_path.chmod(0o777)
    (tmp_path / "~").mkdir(mode=0o700)
    assert not backend.private
