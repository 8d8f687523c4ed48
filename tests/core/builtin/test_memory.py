"""Memory: what it adds to the model, which is waiting, sharing, closing, and refusing a fork."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from omniq.builtin.memory import MemoryBackend, MemoryEventStorage, MemoryResultStorage, MemoryTaskQueue
from omniq.direct import drive
from omniq.errors import ForkedStore, StoreClosed
from omniq.models.event import EventType, TaskEvent
from omniq.models.states import State
from omniq.models.values import MINUTE, SECOND, Micros, new_claim_id, new_id
from omniq.storage.events import EventFilter
from omniq.storage.records import Claimed, Fence, NewTask, Settlement
from omniq.storage.results import StoredResult

FUSE = 30.0


@pytest.fixture
async def store() -> AsyncIterator[MemoryTaskQueue]:
    async with MemoryBackend().tasks() as store:
        yield store


def draft(**changes: Any) -> NewTask:
    return NewTask(**{"id": new_id(), "name": "m:f", **changes})


async def claim(store: MemoryTaskQueue, *queues: str, wait: Micros = 0, limit: int = 1) -> Claimed:
    return await store.claim(
        queues or ["default"], limit=limit, lease=MINUTE, worker="w", claim_id=new_claim_id(), wait=wait
    )


async def standing_by(store: MemoryTaskQueue, *queues: str) -> asyncio.Task[Claimed]:
    """Start a claim that waits, and give it once it does."""
    before = len(store._place.claimers)
    waiting = asyncio.ensure_future(claim(store, *queues, wait=60 * MINUTE))
    await until(lambda: len(store._place.claimers) > before)
    return waiting


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(FUSE):
        while not seen():  # noqa: ASYNC110 - nothing announces that somebody waits
            await asyncio.sleep(0)


async def fused(waiting: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> Any:
    async with asyncio.timeout(FUSE):
        return await waiting


def ended(claimed: Claimed, to: State = State.SUCCEEDED) -> list[Settlement]:
    return [Settlement(fence=task.fence, ref=task.ref, to=to) for task in claimed.tasks]


async def test_a_waiting_claim_is_woken_by_an_enqueue(store: MemoryTaskQueue) -> None:
    waiting = await standing_by(store)
    task = draft()

    await store.enqueue([task])

    assert [one.fence.task_id for one in (await fused(waiting)).tasks] == [task.id]


async def test_one_task_wakes_one_of_many_and_only_where_its_queue_is_asked_for(
    store: MemoryTaskQueue,
) -> None:
    other = await standing_by(store, "other")
    first, second = await standing_by(store, "q"), await standing_by(store, "q")

    await store.enqueue([draft(queue="q")])

    assert len((await fused(first)).tasks) == 1
    assert len(store._place.claimers) == 2
    assert not any(waiter.rung for waiter in store._place.claimers)
    await store.close()
    assert [(await fused(one)).tasks for one in (second, other)] == [[], []]


async def test_a_cancelled_waiter_hands_its_task_on(store: MemoryTaskQueue) -> None:
    first, second = await standing_by(store), await standing_by(store)

    await store.enqueue([draft()])
    first.cancel()  # it is rung already, and ends before it looks

    assert len((await fused(second)).tasks) == 1


async def test_a_waiter_that_leaves_hands_the_next_due_time_on(store: MemoryTaskQueue) -> None:
    first = await standing_by(store)
    second = await standing_by(store)
    await store.enqueue([draft(delay=SECOND // 50)])  # only the first is told
    first.cancel()

    assert len((await fused(second)).tasks) == 1


@pytest.mark.parametrize("way", ["release", "abandon", "requeue", "resume", "parent"])
async def test_whatever_makes_a_task_ready_wakes_a_claim(store: MemoryTaskQueue, way: str) -> None:
    parent = draft()
    await store.enqueue([parent])
    if way == "parent":
        await store.enqueue([draft(parents=(parent.id,))])
    if way == "requeue":
        await store.cancel([parent.id])
    if way == "resume":
        await store.set_paused(["default"], True)
    claimed = await claim(store)
    waiting = await standing_by(store)

    match way:
        case "release":
            await store.settle(ended(claimed, State.READY))
        case "abandon":
            await store.abandon(claimed.tasks[0].fence.claim_id)
        case "requeue":
            await store.requeue([parent.id])
        case "resume":
            await store.set_paused(["default"], False)
        case "parent":
            await store.settle(ended(claimed))

    assert len((await fused(waiting)).tasks) == 1


async def test_a_waiting_claim_is_woken_when_a_delayed_task_is_due(store: MemoryTaskQueue) -> None:
    await store.enqueue([draft(delay=SECOND // 50)])

    assert len((await fused(claim(store, wait=60 * MINUTE))).tasks) == 1


async def test_a_clock_that_is_moved_by_hand_makes_waiters_look_again() -> None:
    now = [SECOND]
    store = MemoryBackend().tasks()
    store.clock = lambda: now[0]
    async with store:
        await store.enqueue([draft(delay=60 * MINUTE)])
        waiting = await standing_by(store)

        now[0] += 60 * MINUTE
        store.look_again()

        assert len((await fused(waiting)).tasks) == 1


async def test_a_wait_that_is_over_answers_empty(store: MemoryTaskQueue) -> None:
    assert (await fused(claim(store, wait=1))).tasks == []
    assert await fused(store.wait_finished([], timeout=MINUTE)) == []
    await store.enqueue([task := draft()])
    assert await fused(store.wait_finished([task.id], timeout=1)) == []
    assert not store._place.claimers
    assert not store._place.watchers
    assert store._place.model.changes is None


async def test_a_wait_for_an_end_is_woken_by_it(store: MemoryTaskQueue) -> None:
    one, two = draft(), draft()
    await store.enqueue([one, two])
    waiting = asyncio.ensure_future(store.wait_finished([two.id, one.id], timeout=60 * MINUTE))
    await until(lambda: bool(store._place.watchers))

    await store.settle(ended(await claim(store)))

    assert await fused(waiting) == [one.id]
    assert await store.wait_finished([two.id, "unknown", one.id], timeout=MINUTE) == ["unknown", one.id]


async def test_a_wait_is_woken_from_another_thread(store: MemoryTaskQueue) -> None:
    waiting = await standing_by(store)
    task = draft()
    sender = threading.Thread(target=lambda: drive(store.enqueue([task])))

    sender.start()
    claimed = await fused(waiting)
    sender.join(FUSE)
    over = asyncio.ensure_future(store.wait_finished([task.id], timeout=60 * MINUTE))
    await until(lambda: bool(store._place.watchers))
    settler = threading.Thread(target=lambda: drive(store.settle(ended(claimed))))
    settler.start()

    assert await fused(over) == [task.id]
    settler.join(FUSE)


async def test_a_waiter_of_a_closed_loop_is_passed_over(store: MemoryTaskQueue) -> None:
    loop = asyncio.new_event_loop()
    orphan = loop.create_task(claim(store, wait=60 * MINUTE))
    loop_thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.sleep(0)))
    loop_thread.start()
    loop_thread.join(FUSE)
    assert len(store._place.claimers) == 1
    waiting = await standing_by(store)
    orphan._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()

    await store.enqueue([draft()])

    assert len((await fused(waiting)).tasks) == 1


async def test_racing_threads_share_every_task_once(store: MemoryTaskQueue) -> None:
    per_thread, threads = 200, 4
    taken: list[str] = []

    def work() -> None:
        companion = store.companion()
        drive(companion.open())
        for _ in range(per_thread):
            drive(companion.enqueue([draft()]))
            claimed = drive(claim(companion))
            taken.extend(task.fence.task_id for task in claimed.tasks)
            assert drive(companion.settle(ended(claimed))) == []

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join, FUSE)

    assert len(taken) == len(set(taken)) == per_thread * threads
    [stats] = await store.stats()
    assert stats.counts[State.SUCCEEDED] == per_thread * threads


async def test_companions_share_data_and_close_alone(store: MemoryTaskQueue) -> None:
    companion = store.companion()
    task = draft()
    with pytest.raises(StoreClosed):
        await companion.enqueue([task])

    async with companion:
        await companion.enqueue([task])
    with pytest.raises(StoreClosed):
        await companion.get([task.id])

    assert (await claim(store)).tasks[0].fence.task_id == task.id


async def test_two_backends_share_nothing() -> None:
    async with MemoryBackend(project="p").tasks() as one, MemoryBackend(project="p").tasks() as other:
        await one.enqueue([draft()])

        assert (await claim(other)).tasks == []


async def test_time_never_goes_back() -> None:
    times = iter([50, 40, 60])
    store = MemoryBackend().tasks()
    store.clock = lambda: next(times)
    async with store:
        assert [await store.server_now() for _ in range(3)] == [50, 50, 60]


def in_a_child(check: Callable[[], None]) -> int:
    """Run a check in a forked child; give its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            check()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_inherited_handle_is_refused_and_a_fresh_one_works_even_if_the_lock_was_held() -> None:
    backend = MemoryBackend()
    handles: list[Any] = [backend.tasks(), backend.results(), backend.events()]
    for handle in handles:
        drive(handle.open())

    def check() -> None:
        for handle in handles:
            for use in (handle.server_now, handle.open):
                with pytest.raises(ForkedStore, match="does not cross a fork"):
                    drive(use())
            with pytest.raises(ForkedStore):
                handle.companion()
        fresh = MemoryBackend().tasks()
        drive(fresh.open())
        drive(fresh.enqueue([draft()]))
        assert len(drive(claim(fresh)).tasks) == 1

    with backend._place.lock:
        assert in_a_child(check) == 0
    drive(handles[0].enqueue([draft()]))


async def test_results_are_kept_by_fence_until_their_time() -> None:
    now = [SECOND]
    store = MemoryBackend().results()
    store.clock = lambda: now[0]
    first, second = Fence("a", 1, 7), Fence("a", 2, 8)
    async with store:
        await store.put([(first, StoredResult(value=b"1", keep=10)), (second, StoredResult(value=b"2"))])
        await store.put([(first, StoredResult(value=b"one", keep=20))])
        now[0] += 10

        found = await store.get([second, first, Fence("a", 1, 9)])
        assert [one and one.value for one in found] == [b"2", b"one", None]
        assert await store.purge(10) == 0
        now[0] += 10
        assert await store.get([first]) == [None]
        assert await store.purge(10) == 1
        await store.delete([second, first])
        assert await store.get([second]) == [None]


async def test_a_wait_for_a_result_is_woken_by_it() -> None:
    backend = MemoryBackend()
    fence = Fence("a", 1, 7)
    async with backend.results() as store, backend.results() as other:
        waiting = asyncio.ensure_future(store.wait([Fence("b", 1, 1), fence], timeout=60 * MINUTE))
        await until(lambda: bool(store._results.watchers))

        await other.put([(fence, StoredResult(value=b"v"))])

        assert await fused(waiting) == [fence]
        assert await store.wait([fence], timeout=MINUTE) == [fence]
        assert await fused(store.wait([Fence("b", 1, 1)], timeout=1)) == []


async def test_a_closed_result_store_lets_its_waiters_go() -> None:
    store: MemoryResultStorage = MemoryBackend().results()
    await store.open()
    waiting = asyncio.ensure_future(store.wait([Fence("a", 1, 1)], timeout=60 * MINUTE))
    await until(lambda: bool(store._results.watchers))

    await store.close()

    assert await fused(waiting) == []


async def test_events_are_read_in_order_by_filters_and_once() -> None:
    events = [
        TaskEvent(id=str(n), type=EventType.RETRY if n % 2 else EventType.ENQUEUED, at=n, task_id=str(n % 3))
        for n in range(10)
    ]
    store: MemoryEventStorage
    async with MemoryBackend().events() as store:
        await store.append(events)
        await store.append(events[:4])

        page = await store.read(EventFilter(), limit=4)
        rest = await store.read(EventFilter(), after=page.next)
        assert page.items + rest.items == events
        where = EventFilter(types=frozenset({EventType.RETRY}), task_id="0", since=4, until=10)
        assert (await store.read(where)).items == [events[9]]
        assert (await store.read(EventFilter(), after=rest.next)).items == []


async def test_old_events_are_purged_in_bounded_steps() -> None:
    async with MemoryBackend().events() as store:
        await store.append([TaskEvent(id=str(n), type=EventType.ENQUEUED, at=n) for n in range(200)])

        assert [await store.purge(150, 100), await store.purge(150, 100), await store.purge(150, 100)] == [
            100,
            50,
            0,
        ]
        assert [one.at for one in (await store.read(EventFilter(), limit=500)).items] == [*range(150, 200)]
