"""Calls that are committed together stay atomic each, and a failing one affects nobody."""

import asyncio
import threading

import pytest

from omniq.direct import drive
from omniq.errors import StoreClosed, StoreFull
from omniq.models.states import State
from omniq.storage.records import CancelAnswer
from omniq.testing.kit.words import FUSE, draft, enqueue, states, take
from omniq_sqlite import session as session_module

POISON = "\ud800"  # a lone surrogate: no encoder takes it, so its statement fails inside the transaction


@pytest.fixture
def hold_line(store):
    """Keep the writer from starting, so that calls stand in line and become one group."""
    return store._database.mutex


async def group(mutex, *calls):
    """Let these calls stand in line behind one that waits for the mutex, then let them go together."""
    mutex.acquire()
    try:
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    finally:
        mutex.release()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_poisoned_call_fails_alone_among_twenty(store, hold_line):
    good = [draft() for _ in range(20)]
    calls = [store.enqueue([one]) for one in good]
    calls.insert(10, store.enqueue([draft(), draft(name=POISON)]))

    answers = await group(hold_line, *calls)

    assert [type(one) for one in answers if isinstance(one, Exception)] == [UnicodeEncodeError]
    assert await states(store, [one.id for one in good]) == [State.READY] * 20
    assert (await store.stats(["default"]))[0].counts[State.READY] == 20


async def test_a_good_neighbour_of_a_poisoned_call_still_rings(store, hold_line, monkeypatch):
    monkeypatch.setattr("omniq_sqlite.tasks.queue.BACKSTOP", 2 * FUSE)
    waiting = asyncio.ensure_future(take(store, wait=int(FUSE * 1_000_000)))
    ear = await store._database.ear()
    async with asyncio.timeout(FUSE):
        while not ear._waiters:  # noqa: ASYNC110
            await asyncio.sleep(0)

    await group(hold_line, store.enqueue([draft()]), store.enqueue([draft(name=POISON), draft()]))

    async with asyncio.timeout(FUSE / 2):
        assert len((await waiting).tasks) == 1


async def test_the_id_of_a_queue_that_was_rolled_back_is_not_remembered(store):
    with pytest.raises(UnicodeEncodeError):
        await store.enqueue([draft(queue="first"), draft(name=POISON)])

    await enqueue(store, draft(queue="second"))
    await enqueue(store, draft(queue="first"))

    assert len((await take(store, 10, queues=["first"])).tasks) == 1
    assert len((await take(store, 10, queues=["first", "second"])).tasks) == 1
    assert [one.queue for one in await store.stats()] == ["first", "second"]


async def test_a_full_disk_is_told_to_the_call_that_met_it(store, sessions):
    connection = sessions[0].connection
    pages = connection.execute("pragma page_count").fetchone()[0]
    connection.execute(f"pragma max_page_count = {pages + 20}")
    large = draft(payload=bytes(1 << 20))

    with pytest.raises(StoreFull, match="free disk space"):
        await store.enqueue([large])
    small = draft()

    assert await store.enqueue([small]) == []
    assert await states(store, [large.id, small.id]) == [None, State.READY]


async def test_a_cancelled_caller_leaves_its_neighbours_their_answers(store, hold_line):
    hold_line.acquire()
    first = asyncio.ensure_future(store.enqueue([draft()]))
    second = asyncio.ensure_future(store.enqueue([draft()]))
    await asyncio.sleep(0)
    first.cancel()
    hold_line.release()

    assert await second == []
    assert first.cancelled() or first.cancelling()


async def test_what_stands_in_line_is_written_before_a_handle_closes(make, store):
    other = make()
    await other.open()
    task = draft(payload=bytes(100_000))
    writing = asyncio.ensure_future(other.enqueue([task]))
    await asyncio.sleep(0)

    await other.close()

    assert await writing == []
    assert await states(store, [task.id]) == [State.READY]


@pytest.fixture
def held_line(store):
    """Let calls stand in line with the mutex free, until the event is set; a quick call could get ahead of them."""
    database, let = store._database, threading.Event()
    persist = database._persist

    def wait_first(group):
        assert let.wait(FUSE)
        persist(group)

    database._persist = wait_first
    yield let
    let.set()


async def test_a_call_on_the_loop_does_not_overtake_what_stands_in_line(store, held_line):
    task = draft(payload=bytes(100_000))
    writing = asyncio.ensure_future(store.enqueue([task]))
    await asyncio.sleep(0)

    cancelling = asyncio.ensure_future(store.cancel([task.id]))
    await asyncio.sleep(0)
    held_line.set()

    assert (await writing, await cancelling) == ([], [CancelAnswer.CANCELLED])


async def test_an_abandon_does_not_overtake_its_claim(store, held_line):
    held_line.set()
    tasks = [draft() for _ in range(20)]
    await enqueue(store, *tasks)
    held_line.clear()
    claiming = asyncio.ensure_future(take(store, 20, claim_id=7))
    await asyncio.sleep(0)

    abandoning = asyncio.ensure_future(store.abandon(7))
    await asyncio.sleep(0)
    held_line.set()

    assert len((await claiming).tasks) == 20
    await abandoning
    assert await states(store, [one.id for one in tasks]) == [State.READY] * 20


async def test_a_closed_handle_says_so(make):
    store = make()
    await store.open()
    await store.close()

    with pytest.raises(StoreClosed, match="open"):
        await store.enqueue([draft()])


def test_a_direct_handle_starts_no_thread(make):
    store = make()
    drive(store.open())

    drive(store.enqueue([draft()]))

    assert store._database._thread is None
    drive(store.close())


async def test_a_rolled_back_group_forgets_what_it_found(store):
    session = store._database._session
    assert isinstance(session, session_module.Session)

    with pytest.raises(UnicodeEncodeError):
        await store.enqueue([draft(queue="gone"), draft(name=POISON)])

    assert session.known_queue("gone") is None
