"""The producer's side: what is sent again, what is refused, what stands alone."""

import shutil

import pytest

from omniq import (
    AsyncOmniQ,
    AsyncResultStorage,
    AsyncTaskQueue,
    OmniQ,
    ResultStorage,
    State,
    StoreUnavailable,
    TaskQueue,
)
from omniq.builtin.memory import MemoryTaskQueue
from omniq.builtin.memory.backend import MemoryBackend
from omniq.client import acting
from omniq.client import queue as module
from omniq.client.tasks import call_of
from omniq.errors import InvalidOption
from omniq.storage.records import Page
from omniq.testing.faults import FaultyStore


def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture
def faulty():
    return FaultyStore(MemoryBackend().tasks())


async def test_an_enqueue_whose_reply_was_lost_is_sent_again_and_makes_one_task(faulty):
    faulty.drop_reply("enqueue")
    faulty.refuse("enqueue")
    app = AsyncOmniQ(faulty)

    handle = await app.enqueue(add, 1, 2)

    assert [call.kwargs["fresh"] for call in faulty.calls("enqueue")] == [True, False, False]
    assert [task.id for task in await app.tasks()] == [handle.id]


def test_the_sync_face_sends_again_too(faulty):
    faulty.drop_reply("enqueue")
    app = OmniQ(faulty)

    handle = app.enqueue(add, 1, 2)

    assert [task.id for task in app.tasks()] == [handle.id]


async def test_after_five_minutes_the_error_is_the_callers(faulty, monkeypatch):
    monkeypatch.setattr(module, "AMBIGUOUS_FOR", -1.0)
    faulty.refuse("enqueue")

    with pytest.raises(StoreUnavailable):
        await AsyncOmniQ(faulty).enqueue(add, 1, 2)

    assert len(faulty.calls("enqueue")) == 1


async def test_many_calls_are_one_round_trip(faulty):
    app = AsyncOmniQ(faulty)
    task = app.task(add)

    handles = await app.enqueue_many([task.bind(n, n) for n in range(100)])

    assert len({one.id for one in handles}) == 100
    assert len(faulty.calls("enqueue")) == 1


async def test_one_call_sent_twice_makes_two_tasks(faulty):
    app = AsyncOmniQ(faulty)
    call = app.task(add).bind(1, 2)

    first, second = await app.enqueue_many([call, call])

    assert first != second


async def test_an_operators_verbs_answer_one_word_an_id():
    app = AsyncOmniQ("memory://")
    waiting, cancelled = await app.map(abs_of, [1, 2])
    unknown = "018f0000-0000-7000-8000-00000000000f"

    assert await app.cancel(cancelled.id) == ["cancelled"]
    assert await app.requeue([waiting.id, cancelled.id, unknown]) == ["live", "requeued", "missing"]
    assert await app.cancel([waiting.id]) == ["cancelled"]
    assert await app.delete([waiting.id, cancelled.id, unknown]) == ["deleted", "live", "missing"]


def abs_of(n: int) -> int:
    return abs(n)


async def test_a_function_that_is_sent_vouches_for_its_own_name_and_for_no_other_of_its_module():
    app = AsyncOmniQ("memory://")
    await app.enqueue(shutil.disk_usage, "/")

    assert app.registry.find("shutil:disk_usage") is not None
    assert app.registry.find("shutil:rmtree") is None


@pytest.mark.parametrize("allow", ["shutil", ["shutil"]])
@pytest.mark.parametrize("face", [AsyncOmniQ, OmniQ])
def test_an_allowed_module_is_imported_by_name(face, allow):
    app = face("memory://", allow=allow)

    assert getattr(app, "aio", app).registry.find("shutil:rmtree") is not None


async def test_a_held_key_in_the_middle_of_many_gives_its_holder_there(faulty):
    app = AsyncOmniQ(faulty)
    task = app.task(add)
    held = await task.options(unique="k").enqueue(0, 0)

    first, second, third = await app.enqueue_many(
        [task.bind(1, 1), task.options(unique="k").bind(2, 2), task.bind(3, 3)]
    )

    assert second == held
    assert len({first.id, second.id, third.id}) == 3


async def test_a_queue_that_stands_alone_takes_a_generator_of_calls_and_nothing_but_calls():
    async with AsyncTaskQueue.from_backend("memory://") as queue:
        assert len(await queue.enqueue(call_of(add, (n, n), {}, {}) for n in range(3))) == 3
        with pytest.raises(InvalidOption, match="a function is no call"):
            await queue.enqueue([add])


class Gappy(MemoryTaskQueue):
    """A store that scans: its first page is empty, and more follow."""

    async def list(self, which, *, limit, after=None):
        if after is None:
            return Page([], "0")
        return await super().list(which, limit=limit, after=None if after == "0" else after)


async def test_purge_goes_on_behind_an_empty_page_and_a_full_one(monkeypatch):
    monkeypatch.setattr(acting, "PAGE", 2)
    app = AsyncOmniQ(Gappy())
    await app.map(abs_of, range(5))

    assert (await app.purge("default")).deleted == 5
    assert (await app.tasks(after="0")).items == []


async def test_tasks_are_found_by_state_queue_name_and_tag():
    app = AsyncOmniQ("memory://")
    await app.options(queue="low", tags=["red"]).enqueue(add, 1, 1)
    other = await app.enqueue(abs_of, 1)
    await other.cancel()

    async def names(**which):
        return [task.name.partition(":")[2] for task in await app.tasks(**which)]

    assert await names(state="cancelled") == ["abs_of"]
    assert await names(state=[State.READY, State.CANCELLED]) == ["abs_of", "add"]
    assert await names(queue="low") == await names(tag="red") == ["add"]
    assert await names(since="1h") == ["abs_of", "add"]
    assert len((await app.tasks(limit=1)).items) == 1


async def test_a_queue_and_results_stand_without_an_app(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with AsyncTaskQueue.from_backend(url) as queue, AsyncResultStorage.from_backend(url) as results:
        handle = (await queue.enqueue([call_of(add, (2, 3), {}, {})]))[0]

        assert await results.state(handle.id) is State.READY


def test_they_stand_alone_on_the_sync_face_too(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    with TaskQueue.from_backend(url) as queue, ResultStorage.from_backend(url) as results, OmniQ(url) as app:
        app.task(add)
        handle = queue.enqueue([call_of(add, (2, 3), {}, {})])[0]
        app.run_until_idle()

        assert results.value(handle.id) == 5
        assert results.get(handle.id).state is State.SUCCEEDED
        assert handle.result() == 5


async def test_a_project_sees_its_own_tasks_only(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with AsyncTaskQueue.from_backend(url, project="shop") as shop, AsyncTaskQueue.from_backend(url) as other:
        handle = (await shop.enqueue([call_of(add, (2, 3), {}, {})]))[0]

        assert await shop.get_task(handle.id) is not None
        assert await other.get_task(handle.id) is None
