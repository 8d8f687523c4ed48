"""The app on both faces and both stores: what a user writes, run for real."""

import asyncio
import threading

import pytest

import omniq
from omniq import AsyncOmniQ, OmniQ, Purged, RetryPolicy, State, TaskCancelled, TaskFailed, TaskNotFound, Unique
from omniq.errors import (
    IdConflict,
    InvalidOption,
    NotSupported,
    PayloadTooLarge,
    ResultTimeout,
    UniqueConflict,
    UnnamedTask,
    Unserializable,
    WaitInsideTask,
)

QUICK = RetryPolicy(max=3, base=0)


def add(a: int, b: int) -> int:
    return a + b


async def add_slowly(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


def fail(what: str) -> None:
    raise ValueError(what)


def state_of_the_lifespan() -> str:
    return omniq.current().state


def metadata_of_the_task() -> dict[str, str]:
    return omniq.current().metadata


starts: list[int] = []


def fail_twice() -> int:
    starts.append(omniq.current().attempt)
    if len(starts) < 3:
        raise ConnectionError("not yet")
    return len(starts)


def wait_inside() -> None:
    sync_app.handle(waited_for).result()


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
async def app(url):
    async with AsyncOmniQ(url) as app:
        yield app


@pytest.fixture
def sync_face(url):
    with OmniQ(url) as app:
        yield app


async def test_a_task_is_run_and_its_value_comes_back(app):
    task = app.task(add)
    async with app.worker():
        handle = await task.enqueue(2, 3)

        assert await handle.result(timeout=10) == 5
        assert await handle == 5
        assert await handle.state() is State.SUCCEEDED


def test_the_sync_face_does_the_same(sync_face):
    task = sync_face.task(add)
    with sync_face.worker():
        handle = task.enqueue(2, 3)

        assert handle.result(timeout=10) == 5
        assert handle.state() is State.SUCCEEDED


def test_a_sync_call_works_from_any_thread(sync_face):
    task = sync_face.task(add)
    seen = []
    with sync_face.worker():
        threads = [
            threading.Thread(target=lambda n=n: seen.append(task.enqueue(n, n).result(timeout=10))) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(seen) == [0, 2, 4, 6]


async def test_the_faces_share_tasks_and_stores(app):
    task = app.task(add)

    handle = await asyncio.to_thread(task.sync.enqueue, 1, 1)
    await app.run_until_idle()

    assert await app.handle(handle.id) == 2


async def test_coroutines_and_functions_run_in_every_kind(app):
    plain, coroutine = app.task(add), app.task(add_slowly)
    for kind in ("async", "thread"):
        async with app.worker(kind=kind):
            handles = await app.enqueue_many([plain.bind(1, 2), coroutine.bind(3, 4)])

            assert await app.gather(handles, timeout=10) == [3, 7]


async def test_any_importable_function_is_sent_without_a_decorator(app):
    handle = await app.options(queue="low", priority=9).enqueue(add, 1, b=2)
    await app.run_until_idle(queues=["low"])

    info = await app.get_task(handle.id)
    assert await handle == 3
    assert (info.queue, info.priority, info.name.endswith(":add")) == ("low", 9, True)


async def test_map_and_as_completed_give_every_item_once(app):
    async with app.worker():
        handles = await app.map(abs_of, range(-20, 0))
        seen = [await one.result() async for one in app.as_completed(handles, timeout=10)]

    assert sorted(seen) == list(range(1, 21))


def abs_of(n: int) -> int:
    return abs(n)


def test_as_completed_on_the_sync_face(sync_face):
    with sync_face.worker():
        handles = sync_face.map(abs_of, [-1, -2, -3])
        assert sorted(one.result() for one in sync_face.as_completed(handles, timeout=10)) == [1, 2, 3]


async def test_a_failure_carries_the_remote_traceback(app):
    handle = await app.options(retries=0).enqueue(fail, "no luck")
    await app.run_until_idle()

    with pytest.raises(TaskFailed, match="no luck") as caught:
        await handle
    assert caught.value.error_type == "ValueError"
    assert "in fail" in caught.value.traceback


async def test_a_task_is_tried_again_until_it_succeeds(app):
    starts.clear()
    handle = await app.options(retry=QUICK).enqueue(fail_twice)
    await app.run_until_idle()

    info = await app.get_task(handle.id)
    assert await handle == 3
    assert (info.attempt, info.failures, starts) == (3, 2, [1, 2, 3])


async def test_a_task_waiting_in_its_queue_is_cancelled_at_once(app):
    handle = await app.enqueue(add, 1, 2)

    assert await handle.cancel() == "cancelled"
    with pytest.raises(TaskCancelled):
        await handle


async def sleep_for_ever() -> None:
    running.set()
    await asyncio.Event().wait()


running = threading.Event()


async def test_a_running_coroutine_is_cancelled_by_its_worker(app):
    running.clear()
    async with app.worker(lease=0.6):
        handle = await app.enqueue(sleep_for_ever)
        await asyncio.to_thread(running.wait, 10)

        assert await handle.cancel() == "requested"
        with pytest.raises(TaskCancelled):
            await handle.result(timeout=10)


async def test_a_timeout_is_a_failure_with_its_reason(app):
    async with app.worker():
        handle = await app.options(timeout="50ms", retries=0).enqueue(sleep_for_ever)

        with pytest.raises(TaskFailed) as caught:
            await handle.result(timeout=10)
    assert caught.value.reason == "timeout"


gates: list[asyncio.Event] = []


async def outlast(more: str | None) -> str:
    omniq.current().extend(timeout=more)
    extended, outlasted = gates
    extended.set()
    await outlasted.wait()
    return "in time"


@pytest.mark.parametrize("more", ["1h", None])
async def test_a_task_that_asks_for_more_time_outlasts_one_with_the_same_timeout(app, more):
    gates[:] = asyncio.Event(), asyncio.Event()
    options = app.options(timeout="200ms", retries=0)
    async with app.worker():
        first = await options.enqueue(outlast, more)
        await gates[0].wait()
        second = await options.enqueue(sleep_for_ever)
        with pytest.raises(TaskFailed) as caught:
            await second.result(timeout=10)
        gates[1].set()

        assert await first.result(timeout=10) == "in time"
    assert caught.value.reason == "timeout"


async def test_the_lifespan_is_entered_once_a_worker_and_seen_inside(url):
    from contextlib import asynccontextmanager

    entered = []

    @asynccontextmanager
    async def lifespan():
        entered.append(1)
        yield "pool"
        entered.append(2)

    async with AsyncOmniQ(url, lifespan=lifespan) as app:
        handle = await app.enqueue(state_of_the_lifespan)
        await app.run_until_idle()

        assert await handle == "pool"
    assert entered == [1, 2]


async def test_a_body_reads_the_metadata_of_its_task(app):
    said = await app.options(metadata={"tenant": "a"}).enqueue(metadata_of_the_task)
    plain = await app.enqueue(metadata_of_the_task)
    await app.run_until_idle()

    assert (await said, await plain) == ({"tenant": "a"}, {})


async def test_a_held_unique_key_gives_its_holder_or_raises(app):
    first = await app.options(unique="k").enqueue(add, 1, 1)
    second = await app.options(unique="k").enqueue(add, 2, 2)

    assert second == first
    with pytest.raises(UniqueConflict, match=first.id):
        await app.options(unique=Unique("k", on_conflict="raise")).enqueue(add, 3, 3)


async def test_an_id_is_enqueued_once_and_defended_against_other_content(app):
    own = "018f0000-0000-7000-8000-000000000001"
    first = await app.options(id=own).enqueue(add, 1, 1)

    assert await app.options(id=own).enqueue(add, 1, 1) == first
    with pytest.raises(IdConflict, match=own):
        await app.options(id=own).enqueue(add, 9, 9)


async def test_a_paused_queue_gives_nothing_until_it_is_resumed(app):
    await app.pause_queue("default")
    async with app.worker():
        handle = await app.enqueue(add, 1, 1)
        with pytest.raises(ResultTimeout):
            await handle.result(timeout=0.2)
        await app.resume_queue("default")

        assert await handle.result(timeout=10) == 2


async def test_purge_leaves_an_empty_queue(app):
    handles = [await app.enqueue(add, n, n) for n in range(3)]
    await handles[0].cancel()

    assert await app.purge("default") == Purged(cancelled=2, deleted=3, left=0)
    with pytest.raises(TaskNotFound):
        await handles[0].state()


def test_waiting_for_a_task_inside_a_task_is_refused(sync_face):
    global sync_app, waited_for
    sync_app = sync_face
    waited_for = sync_face.options(queue="other").enqueue(add, 1, 1).id
    with sync_face.worker():
        handle = sync_face.options(retries=0).enqueue(wait_inside)

        with pytest.raises(TaskFailed, match="deadlock"):
            handle.result(timeout=10)
    assert WaitInsideTask(waited_for).task_id == waited_for


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"retrys": 3}, InvalidOption, "did you mean 'retr"),
        ({"priority": 10}, InvalidOption, "priority"),
        ({"delay": "soon"}, InvalidOption, "delay"),
        ({"parents": []}, NotSupported, "parents"),
        ({"on_success": None}, NotSupported, "on_success"),
        ({"id": "7"}, InvalidOption, "UUID"),
    ],
)
async def test_a_wrong_option_is_refused_and_nothing_is_written(app, options, error, text):
    with pytest.raises(error, match=text):
        await app.options(**options).enqueue(add, 1, 2)

    assert (await app.tasks()).items == []


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ((object(), 1), Unserializable, "argument 1 of .*:add is of type"),
        (("x" * 300_000, 1), PayloadTooLarge, "256 KiB"),
    ],
)
async def test_a_wrong_argument_is_refused_and_nothing_is_written(url, args, error, text):
    async with AsyncOmniQ(url) as app:
        app.serializer.accept_dill = False
        with pytest.raises(error, match=text):
            await app.enqueue_many([app.task(add).bind(1, 1), app.task(add).bind(*args)])

        assert (await app.tasks()).items == []


async def test_a_nested_function_has_no_name_for_a_worker(app):
    with pytest.raises(UnnamedTask, match="nested"):
        app.task(_nested())


def _nested():
    def inner() -> None: ...

    return inner
