"""Acting on ids or on a filter: the same words on both faces, page by page, each task once."""

from __future__ import annotations

import pytest

from omniq import Acted, AsyncOmniQ, AsyncTaskQueue, InvalidOption, OmniQ, Purged, State, TaskQueue
from omniq.builtin.memory.backend import MemoryBackend
from omniq.client import acting
from omniq.functions import task_name
from omniq.testing.faults import FaultyStore

UNKNOWN = "018f0000-0000-7000-8000-00000000000f"


def add(a: int, b: int) -> int:
    return a + b


def fail() -> None:
    raise ValueError


class Failing(FaultyStore):
    """A memory store, with a worker that fails whatever is requeued before the call has returned."""

    async def requeue(self, ids, *, delay=0):
        answers = await super().requeue(ids, delay=delay)
        app = AsyncOmniQ(self)
        app.task(retries=0)(fail)
        await app.run_until_idle()
        return answers


@pytest.fixture(params=["memory", "sqlite"])
async def app(request, tmp_path):
    app = AsyncOmniQ("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db")
    async with app:
        yield app


async def failed(app, count):
    declared = app.task(retries=0)(fail)
    handles = await app.enqueue_many([declared.bind() for _ in range(count)])
    await app.run_until_idle()
    return handles


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(acting, "PAGE", 2)


async def test_a_filter_is_acted_on_page_by_page_and_answered_by_counts(app, small_pages):
    await failed(app, 5)
    other = await app.enqueue(add, 1, 1)

    dry = await app.requeue(state="failed", dry_run=True)
    done = await app.requeue(name=task_name(fail))

    assert dry == Acted(matched=5, counts={"requeued": 5}, dry_run=True)
    assert done == Acted(matched=5, counts={"requeued": 5})
    assert len((await app.tasks(state="ready")).items) == 6
    assert await other.state() is State.READY


async def test_a_task_that_fails_again_meanwhile_is_requeued_once(small_pages):
    store = Failing(MemoryBackend().tasks())
    app = AsyncOmniQ(store)
    await failed(app, 5)

    done = await app.requeue(state="failed")

    assert done.matched == 5
    assert [len(call.args[0]) for call in store.calls("requeue")] == [2, 2, 1]


async def test_a_requeue_takes_failed_tasks_unless_a_state_is_named(app):
    [cancelled] = await app.map(abs, [1])
    await cancelled.cancel()
    await failed(app, 1)

    assert (await app.requeue(queue="default", dry_run=True)).matched == 1
    assert (await app.requeue(queue="default", state=["failed", "cancelled"])).counts == {"requeued": 2}


async def test_cancel_and_delete_take_what_they_can_change(app):
    await failed(app, 2)
    await app.options(queue="low", tags=["red"]).enqueue(add, 1, 1)

    assert (await app.cancel(tag="red")).counts == {"cancelled": 1}
    assert (await app.delete(since="1h")).counts == {"deleted": 3}
    assert (await app.tasks()).items == []


async def test_a_dry_run_on_ids_says_what_would_be_answered(app):
    [ended] = await failed(app, 1)
    waiting = await app.enqueue(add, 1, 1)
    ids = [ended.id, waiting.id, UNKNOWN]

    assert await app.cancel(ids, dry_run=True) == ["finished", "cancelled", "missing"]
    assert await app.requeue(ids, dry_run=True) == ["requeued", "live", "missing"]
    assert await app.delete(ids, dry_run=True) == ["deleted", "live", "missing"]
    assert [one.state for one in (await app.tasks()).items] == ["ready", "failed"]


@pytest.mark.parametrize(
    ("verb", "which", "why"),
    [
        ("cancel", {}, "give ids, or a filter"),
        ("delete", {"queue": None}, "give ids, or a filter"),
        ("requeue", {"state": "succeeded"}, "requeue does nothing to succeeded tasks; it takes failed, cancelled"),
        ("cancel", {"state": "failed"}, "cancel does nothing to failed tasks; it takes waiting, ready, running"),
        ("delete", {"ids": [UNKNOWN], "queue": "low"}, "excludes queue; give ids or a filter"),
    ],
)
async def test_an_act_on_everything_or_on_nothing_is_refused(verb, which, why):
    with pytest.raises(InvalidOption, match=why):
        await getattr(AsyncOmniQ("memory://"), verb)(**which)


async def test_purge_says_what_is_left_and_a_dry_run_foretells_it(app, small_pages):
    await failed(app, 3)
    for n in range(3):
        await app.enqueue(add, n, n)

    assert await app.purge("default", dry_run=True) == Purged(cancelled=3, deleted=6, left=0, dry_run=True)
    assert await app.purge("default") == Purged(cancelled=3, deleted=6, left=0)


def test_the_sync_face_and_a_queue_alone_have_the_same_verbs(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    with OmniQ(url) as app, TaskQueue.from_backend(url) as queue:
        handles = app.map(abs, [1, 2, 3])

        assert app.cancel(queue="default", dry_run=True) == Acted(matched=3, counts={"cancelled": 3}, dry_run=True)
        assert queue.cancel(handles[0].id) == ["cancelled"]
        assert queue.requeue(state="cancelled").counts == {"requeued": 1}
        assert queue.purge("default") == Purged(cancelled=3, deleted=3, left=0)
        assert app.delete(queue="default").matched == 0


async def test_an_async_queue_alone_acts_too():
    backend = MemoryBackend()
    await AsyncOmniQ(backend).map(abs, [1, 2])

    assert (await AsyncTaskQueue.from_backend(backend).cancel(name="builtins:abs")).matched == 2
