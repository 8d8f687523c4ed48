"""A waiter in another process, or on another loop, is woken by the bell and not by its backstop."""

import asyncio
import subprocess
import sys

import pytest

from omniq.models.values import SECOND
from omniq.testing.kit.words import FUSE, draft, ending, enqueue, take, take_one
from omniq_sqlite import bell
from omniq_sqlite.bell import FINISHED, WORK, Bell, listen

LONG = int(4 * FUSE * SECOND)

ENQUEUE = """
import sys
from omniq.direct import drive
from omniq.testing.kit.words import draft
from omniq_sqlite import SQLiteBackend, SQLiteOptions
store = SQLiteBackend(SQLiteOptions(path=sys.argv[1])).tasks()
drive(store.open())
sys.stdin.readline()
drive(store.enqueue([draft()]))
drive(store.close())
"""

SETTLE = """
import sys
from omniq.direct import drive
from omniq.testing.kit.words import ending, take_one
from omniq_sqlite import SQLiteBackend, SQLiteOptions
store = SQLiteBackend(SQLiteOptions(path=sys.argv[1])).tasks()
drive(store.open())
task = drive(take_one(store))
sys.stdin.readline()
drive(store.settle([ending(task)]))
drive(store.close())
"""


@pytest.fixture(autouse=True)
def no_backstop(monkeypatch):
    monkeypatch.setattr("omniq_sqlite.tasks.queue.BACKSTOP", 4 * FUSE)


@pytest.fixture(params=["pushed", "polled"])
def way(request, monkeypatch):
    if request.param == "polled":
        monkeypatch.setattr("omniq_sqlite.database.listen", lambda paths: listen(paths, polled=True))
    return request.param


def process(code, path):
    return subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, text=True)


async def standing_by(store, count):
    """Go on once so many waits of this loop have found nothing and sleep."""
    async with asyncio.timeout(FUSE):
        ear = await store._database.ear()
        while len(ear._waiters) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def finish(store, child, waiting):
    """Let the child go on once the waiter stands by, and give what woke the waiter."""
    await standing_by(store, 1)
    child.stdin.write("\n")
    child.stdin.close()
    async with asyncio.timeout(FUSE):
        answer = await waiting
    assert await asyncio.to_thread(child.wait, FUSE) == 0
    return answer


async def test_an_enqueue_in_another_process_wakes_a_claim(store, path, way):
    waiting = asyncio.ensure_future(take(store, wait=LONG))

    claimed = await finish(store, process(ENQUEUE, path), waiting)

    assert len(claimed.tasks) == 1


async def test_a_settle_in_another_process_wakes_who_waits_for_the_end(store, path, way):
    [task] = await enqueue(store, draft())
    waiting = asyncio.ensure_future(store.wait_finished([task], timeout=LONG))

    assert await finish(store, process(SETTLE, path), waiting) == [task]


async def test_a_companion_wakes_its_sibling(store, way):
    async with store.companion() as other:
        waiting = asyncio.ensure_future(take(store, wait=LONG))
        await standing_by(store, 1)
        await other.enqueue([draft()])

        async with asyncio.timeout(FUSE):
            assert len((await waiting).tasks) == 1


async def test_many_waiters_of_one_handle_all_see_one_ring(store, way):
    ids = await enqueue(store, *[draft() for _ in range(5)])
    waiting = [asyncio.ensure_future(store.wait_finished([one], timeout=LONG)) for one in ids]
    claimed = await take(store, 5)
    await standing_by(store, 5)

    await store.settle([ending(task) for task in claimed.tasks])

    async with asyncio.timeout(FUSE):
        assert await asyncio.gather(*waiting) == [[one] for one in ids]


async def test_a_task_that_becomes_due_needs_no_bell(store):
    await enqueue(store, draft(delay=20_000))

    async with asyncio.timeout(FUSE):
        assert len((await take(store, wait=LONG)).tasks) == 1


async def test_closing_a_handle_ends_its_waits_empty(store, way):
    claiming = asyncio.ensure_future(take(store, wait=LONG))
    watching = asyncio.ensure_future(store.wait_finished(await enqueue(store, draft(queue="other")), timeout=LONG))
    await standing_by(store, 2)

    await store.close()

    async with asyncio.timeout(FUSE):
        assert (await claiming).tasks == []
        assert await watching == []


async def test_one_handle_serves_two_loops(store):
    def elsewhere():
        async def wait():
            async with asyncio.timeout(FUSE):
                return await take_one(store, wait=LONG)

        return asyncio.run(wait())

    waiting = asyncio.ensure_future(asyncio.to_thread(elsewhere))
    await enqueue(store, draft())

    assert (await waiting).name == "kit:task"


@pytest.mark.parametrize("polled", [False, True])
async def test_a_ring_between_the_question_and_the_wait_is_not_lost(path, polled):
    rings = Bell(str(path))
    ear = listen(rings.paths, polled=polled)
    seen = ear.count(WORK)

    rings.ring(WORK)
    ear.count(FINISHED)  # another waiter reads the same ear first
    async with asyncio.timeout(FUSE):
        await ear.wait(WORK, seen, 4 * FUSE)

    assert ear.count(WORK) > seen
    ear.close()
    rings.close()


@pytest.mark.parametrize("polled", [False, True])
async def test_the_two_bells_are_told_apart(path, polled):
    rings = Bell(str(path))
    ear = listen(rings.paths, polled=polled)
    work, finished = ear.count(WORK), ear.count(FINISHED)

    rings.ring(FINISHED)

    assert (ear.count(WORK) == work, ear.count(FINISHED) > finished) == (True, True)
    ear.close()
    rings.close()


def test_a_bell_that_cannot_be_rung_fails_nobody(path):
    rings = Bell(str(path))
    rings.close()

    rings._files = [-1, -1]
    rings.ring(bell.WORK)
