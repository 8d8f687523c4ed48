"""A file of an older schema becomes one of this version once, whole, whoever opens it and however that ends."""

import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from omniq.models.states import State
from omniq.models.values import MINUTE
from omniq.storage.records import PARENT_RECHECK
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import draft, enqueue, ids_of, record, settle, states, take, take_one
from omniq_sqlite import migrations, schema

SCRIPT = Path(__file__).with_name("migrating.py")
STEPS = len(migrations._STEPS[1])
WORKERS = 6

SCHEMA_1 = """
create table project(id integer primary key, name text not null unique);
create table queue(id integer primary key, project int not null, name text not null,
     paused int not null default 0, unique(project, name));
create index q_paused on queue(project) where paused = 1;
create table task(
     seq integer primary key, project int not null, id blob not null, lane int not null, state int not null,
     run_at int not null, attempt int not null default 0, claim int not null default 0, lease_until int,
     cancel int not null default 0, failures int not null default 0, crashes int not null default 0,
     releases int not null default 0, snoozes int not null default 0, epoch int not null default 0,
     created_at int not null, enqueued_at int not null, started_at int, finished_at int,
     ttl int, expires_at int, keep int not null, purge_at int,
     held blob, ukey blob, until int, name text not null, worker text, reason text, tags text,
     digest blob not null, policy blob not null, payload blob, note blob, result blob, error blob);
create unique index t_id on task(project, id);
create index t_ready on task(lane, run_at, seq) where state = 1;
create index t_lease on task(project, lease_until) where state = 2;
create index t_expire on task(project, expires_at) where state <= 1 and expires_at is not null;
create index t_purge on task(project, purge_at) where state >= 3;
create unique index t_held on task(project, held) where held is not null;
create table big(seq integer primary key, payload blob, result blob);
create table abandoned(claim integer primary key, at int not null);
create table result(project int not null, id blob not null, attempt int not null, claim int not null,
     until int not null, value blob, error blob, primary key(project, id, attempt, claim)) without rowid;
create index r_until on result(project, until);
pragma application_id = 1332571729;
pragma user_version = 1;
"""
ROWS = 3_000


@pytest.fixture
def old(path):
    """A file as the version before left it: ready tasks, one that runs, one that is done with a large value."""
    with sqlite3.connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.executescript(SCHEMA_1)
        connection.execute("insert into project(id, name) values (1, 'default')")
        connection.execute("insert into queue(id, project, name) values (1, 1, 'default')")
        connection.execute(
            "with recursive n(n) as (values (1) union all select n + 1 from n where n < ?) "
            "insert into task(project, id, lane, state, run_at, created_at, enqueued_at, keep, name, digest, policy, "
            "payload) select 1, randomblob(16), 15, 1, n, n, n, 86400000000, 'm:f', x'00', x'', x'01' from n",
            (ROWS,),
        )
        connection.execute("update task set state = 2, attempt = 1, claim = 7, lease_until = 1 where seq = 1")
        connection.execute("update task set state = 3, finished_at = 5, purge_at = 1 << 60 where seq = 2")
        connection.execute("insert into big(seq, result) values (2, zeroblob(9000))")
    connection.close()
    return path


def tables(path):
    """What a file has: columns of each table, and the text of everything that was not altered."""
    with sqlite3.connect(path) as connection:
        made = connection.execute("select type, name, sql from sqlite_master where sql is not null").fetchall()
        columns = {name: connection.execute(f"pragma table_info({name})").fetchall() for _, name, _ in made}
        version = connection.execute("pragma user_version").fetchone()
    connection.close()
    texts = {name: re.sub(r"\s+", " ", sql) for _, name, sql in made if name not in ("task", "big")}
    return version, columns, texts


def start(story, path, *args):
    """Start a process, and give it when it is about to open the file."""
    process = subprocess.Popen(
        [sys.executable, SCRIPT, story, path, *map(str, args)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_migrated_file_has_what_a_new_one_has(old, tmp_path):
    new = tmp_path / "new.db"
    connection = sqlite3.connect(new, isolation_level=None)
    schema.prepare(connection, str(new))
    connection.close()
    connection = sqlite3.connect(old, isolation_level=None)
    schema.prepare(connection, str(old))
    connection.close()

    assert tables(old) == tables(new)
    assert tables(new)[0] == (schema.VERSION,)


async def test_what_stood_in_an_old_file_goes_on(old, make):
    async with make() as store:
        counts = (await store.stats(["default"]))[0].counts
        assert (counts[State.READY], counts[State.RUNNING], counts[State.SUCCEEDED]) == (ROWS - 2, 1, 1)
        [taken] = await store.reclaim(limit=5, lease=MINUTE, worker="kit", claim_id=8)
        await settle(store, taken)
        [child] = await enqueue(store, draft(parents=(taken.fence.task_id,), queue="new"))

        assert ids_of((await take(store, 5, queues=["new"])).tasks) == [child]
        assert len((await take(store, 2 * ROWS)).tasks) == ROWS - 2


def test_of_many_processes_that_open_an_old_file_one_migrates_and_all_work(old):
    processes = [start("works", old) for _ in range(WORKERS)]
    for process in processes:
        go(process)

    outcome = [process.communicate(timeout=60) for process in processes]

    assert [errors for _, errors in outcome] == [""] * WORKERS
    said = [output.split() for output, _ in outcome]
    assert all(words[-1] == "done" for words in said)
    assert sum(words.count("migrated") for words in said) == 1


@pytest.mark.parametrize("steps", [0, 1, 5, STEPS - 1, STEPS])
def test_a_process_that_is_killed_in_the_migration_has_done_nothing(old, steps):
    before = tables(old)
    process = start("dies", old, steps)
    go(process)
    process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert tables(old) == before
    after = start("works", old)
    go(after)
    assert after.communicate(timeout=60) == ("migrated\ndone\n", "")


def test_those_that_wait_go_on_when_the_one_that_migrates_is_killed(old):
    first = start("hangs", old)
    go(first)
    assert first.stdout.readline() == "inside\n"
    others = [start("waits", old) for _ in range(3)]
    for process in others:
        go(process)
    assert [process.stdout.readline() for process in others] == ["locked\n"] * 3
    first.kill()
    first.communicate(timeout=60)

    outcome = [process.communicate(timeout=60) for process in others]

    assert [errors for _, errors in outcome] == [""] * 3
    assert sorted(output.count("migrated") for output, _ in outcome) == [0, 0, 1]


async def test_a_parent_that_a_worker_of_the_version_before_ends_strands_no_child(old, make, path):
    clock = VirtualClock()
    store = make()
    store.clock = clock
    async with store:
        good, bad, gone = await enqueue(store, *(draft(queue="old") for _ in range(3)))
        children = await enqueue(store, *(draft(parents=(one,), queue="kids") for one in (good, bad, gone)))
        await take(store, 3, queues=["old"])
        old_worker = sqlite3.connect(path, isolation_level=None)
        for state, one in ((3, good), (4, bad)):
            old_worker.execute(
                "update task set state = ?, finished_at = ?, purge_at = ?, lease_until = null where id = ?",
                (state, clock(), clock() + 600_000_000, bytes.fromhex(one.replace("-", ""))),
            )
        old_worker.execute("delete from task where id = ?", (bytes.fromhex(gone.replace("-", "")),))
        old_worker.close()
        assert await states(store, children) == [State.WAITING] * 3

        clock.step(PARENT_RECHECK)
        await store.sweep(100)

        assert await states(store, children) == [State.READY, State.SKIPPED, State.SKIPPED]
        assert (await record(store, children[0])).run_at == clock()
        assert (await take_one(store, queues=["kids"])).fence.task_id == children[0]
