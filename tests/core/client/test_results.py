"""Values and ends: how a wait ends, and where one is refused."""

import asyncio

import pytest

import omniq
from omniq import (
    AsyncOmniQ,
    OmniQ,
    ResultExpired,
    ResultTimeout,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    TaskNotFound,
)
from omniq.builtin.memory.backend import MemoryBackend
from omniq.models.values import DAY, wall_clock
from omniq.storage.records import Fence
from omniq.testing.faults import FaultyStore

UNKNOWN = "018f0000-0000-7000-8000-00000000000f"


def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture
def app():
    return AsyncOmniQ("memory://")


async def test_a_handle_of_an_id_opens_what_it_needs(app):
    with pytest.raises(TaskNotFound):
        await app.handle(UNKNOWN).result()


async def first_of(app, handles, timeout):
    return await anext(aiter(app.as_completed(handles, timeout=timeout)))


@pytest.mark.parametrize(
    "wait",
    [
        lambda app, handle: handle.result(timeout=0.01),
        lambda app, handle: app.gather([handle], timeout=0.01),
        lambda app, handle: first_of(app, [handle], 0.01),
    ],
    ids=["result", "gather", "as_completed"],
)
async def test_a_wait_that_is_over_says_how_long_it_was_and_the_task_goes_on(app, wait):
    handle = await app.enqueue(add, 1, 2)

    with pytest.raises(ResultTimeout, match="after 10 ms"):
        await wait(app, handle)

    assert await handle.state() == "ready"


def test_a_wait_of_no_time_answers_at_once_on_the_sync_face():
    with OmniQ("memory://") as app, pytest.raises(ResultTimeout):
        app.enqueue(add, 1, 2).result(timeout=0)


async def test_as_completed_gives_what_ends_first_and_each_handle_once(app):
    first, second = await app.map(abs_of, [1, 2])
    await second.cancel()
    seen = []

    async for one in app.as_completed([first, second, second]):
        seen.append(one)
        await first.cancel()

    assert seen == [second, first]


def abs_of(n: int) -> int:
    return abs(n)


async def test_gather_gives_values_in_order_or_the_first_that_has_none(app):
    values = await app.map(abs_of, [-1, -2, -3])
    await app.run_until_idle()
    assert await app.gather(reversed(values)) == [3, 2, 1]

    lost = await app.enqueue(add, 1, 1)
    await lost.cancel()
    with pytest.raises(TaskCancelled, match=lost.id):
        await app.gather([values[0], lost])


async def test_no_value_is_kept_where_none_is_wanted_and_a_kept_one_expires():
    store = MemoryBackend().tasks()
    times = [wall_clock()]
    store.clock = lambda: times[0]
    app = AsyncOmniQ(store)
    none = await app.options(result_ttl=0).enqueue(add, 1, 1)
    kept = await app.options(result_ttl="1h").enqueue(add, 1, 1)
    await app.run_until_idle()

    with pytest.raises(ResultExpired, match="asked with result_ttl=0 to keep no value"):
        await none
    assert (await app.get_result(none.id)).expired
    assert await none.state() == "succeeded"
    assert await kept == 2
    times[0] += DAY // 24
    with pytest.raises(ResultExpired):
        await kept
    assert (await app.get_result(kept.id)).expired


async def test_a_task_that_came_too_late_has_expired():
    store = MemoryBackend().tasks()
    times = [wall_clock()]
    store.clock = lambda: times[0]
    app = AsyncOmniQ(store)
    handle = await app.options(ttl="1s").enqueue(add, 1, 1)
    times[0] += 2_000_000
    await app.run_until_idle()

    with pytest.raises(TaskExpired):
        await handle


async def test_results_beside_the_tasks_are_read_there():
    app = AsyncOmniQ(task_queue="memory://", result_storage=MemoryBackend().results())
    async with app, app.worker():
        handle = await app.enqueue(add, 2, 3)

        assert await handle.result(timeout=10) == 5
    assert (await app.queue.stores.here()).results is not None


async def test_a_result_beside_its_task_is_kept_as_long_as_the_task_says():
    tasks, results = MemoryBackend().tasks(), MemoryBackend().results()
    times = [wall_clock()]
    tasks.clock = results.clock = lambda: times[0]
    app = AsyncOmniQ(task_queue=tasks, result_storage=results)
    handle = await app.options(result_ttl="7d").enqueue(add, 2, 3)
    await app.run_until_idle()

    times[0] += 6 * DAY
    assert await handle == 5
    assert not (await app.get_result(handle.id)).expired


async def test_a_kept_value_that_is_missing_is_never_taken_for_none():
    results = MemoryBackend().results()
    app = AsyncOmniQ(task_queue="memory://", result_storage=results)
    handle = await app.enqueue(add, 2, 3)
    await app.run_until_idle()
    record = (await app.queue.store.get([handle.id]))[0]
    await results.open()
    await results.delete([Fence(record.id, record.attempt, record.claim_id)])

    with pytest.raises(ResultExpired, match="past its result_ttl"):
        await handle
    assert (await app.get_result(handle.id)).expired


async def test_an_error_does_not_expire_where_no_value_is_kept(app):
    handle = await app.options(result_ttl=0, retries=0).enqueue(add, 1, "x")
    await app.run_until_idle()

    result = await app.get_result(handle.id)
    assert (result.state, result.expired) == ("failed", False)
    assert result.error is not None


async def test_a_value_of_none_is_a_value():
    app = AsyncOmniQ(task_queue="memory://", result_storage=MemoryBackend().results())
    handle = await app.enqueue(nothing)
    await app.run_until_idle()

    assert await handle is None
    assert not (await app.get_result(handle.id)).expired


def nothing() -> None: ...


async def test_a_wait_survives_a_store_that_is_away_for_a_moment():
    store = FaultyStore(MemoryBackend().tasks())
    store.refuse("wait_finished")
    app = AsyncOmniQ(store)
    async with app, app.worker():
        handle = await app.enqueue(add, 2, 3)

        assert await handle.result(timeout=10) == 5


apps: dict[str, AsyncOmniQ] = {}


async def wait_for(task_id: str, how: str) -> int:
    app = apps["here"]
    handle = app.handle(task_id)
    if how == "result":
        return await handle.result()
    if how == "gather":
        return sum(await app.gather([handle]))
    if how == "as_completed":
        return await (await first_of(app, [handle], None)).result()
    return await handle.result(allow_wait=True)


@pytest.mark.parametrize("how", ["result", "gather", "as_completed"])
async def test_no_task_waits_for_another_unless_it_insists(app, how):
    apps["here"] = app
    child = await app.options(queue="other").enqueue(add, 1, 1)
    parent = await app.options(retries=0).enqueue(wait_for, child.id, how)
    await app.run_until_idle()

    with pytest.raises(TaskFailed) as caught:
        await parent
    assert caught.value.error_type == "omniq.errors.WaitInsideTask"


async def test_a_task_that_insists_may_wait_and_one_that_has_ended_is_no_wait(app):
    apps["here"] = app
    async with app.worker(queues=["other"]), app.worker():
        child = await app.options(queue="other").enqueue(add, 1, 1)
        insisting = await app.enqueue(wait_for, child.id, "insist")
        assert await insisting.result(timeout=10) == 2

        reader = await app.enqueue(wait_for, child.id, "result")
        assert await reader.result(timeout=10) == 2


async def test_the_inner_exit_of_nested_contexts_closes_nothing(app):
    async with app:
        async with app:
            pass
        assert app.is_open
    assert not app.is_open


async def test_a_closed_app_opens_again(app):
    async with app:
        handle = await app.enqueue(add, 1, 1)
    async with app:
        assert await handle.state() == "ready"


def test_one_app_is_used_from_two_loops_in_turn(tmp_path):
    app = AsyncOmniQ(f"sqlite:///{tmp_path}/jobs.db")

    async def once() -> int:
        async with app.worker():
            return await (await app.enqueue(add, 1, 1)).result(timeout=10)

    assert [asyncio.run(once()), asyncio.run(once())] == [2, 2]
    asyncio.run(app.close())


async def test_start_worker_gives_the_running_one_until_it_is_stopped(app):
    async with app:
        worker = await app.start_worker(concurrency=2)

        assert await app.start_worker() is worker
        await app.stop_worker()
        assert await app.start_worker() is not worker
    assert not worker.running


def test_current_works_in_a_task_only():
    with pytest.raises(omniq.NoCurrentTask):
        omniq.current()
