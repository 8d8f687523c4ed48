"""A worker of several kinds starts, idles and ends as one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from omniq.builtin.coroutine import CoroutineExecutor
from omniq.builtin.thread import ThreadExecutor
from omniq.errors import StoreClosed
from omniq.execution.context import current
from omniq.models.config import WorkerSettings
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import State
from omniq.models.values import SECOND
from omniq.worker.engine import ALL_STUCK
from omniq.worker.worker import AsyncWorker, Worker, WorkerParts

KINDS = {"async": CoroutineExecutor, "thread": ThreadExecutor}


def two_kinds(rig, *, lifespan=None, concurrency=2):
    parts = WorkerParts(
        tasks=rig.tasks,
        results=None,
        registry=rig.registry,
        serializer=rig.serializer,
        executor=KINDS.__getitem__,
        lifespan=lifespan,
    )
    settings = [
        WorkerSettings(kind=kind, queues=(queue,), concurrency=concurrency)
        for kind, queue in (("async", "first"), ("thread", "second"))
    ]
    return AsyncWorker(parts, settings)


async def test_the_lifespan_runs_once_for_all_kinds_and_ends_after_them(rig):
    seen = []

    @asynccontextmanager
    async def lifespan():
        seen.append("begin")
        yield "pool"
        seen.append("end")

    @rig.task
    async def use():
        seen.append(current().state)

    await rig.send("use", queue="first")
    await rig.send("use", queue="second")
    async with two_kinds(rig, lifespan=lifespan) as worker:
        await worker.idle()

    assert seen == ["begin", "pool", "pool", "end"]


async def test_a_lifespan_that_fails_leaves_nothing_running(rig):
    @asynccontextmanager
    async def lifespan():
        raise RuntimeError("no database")
        yield

    await rig.tasks.open()
    before = asyncio.all_tasks()
    with pytest.raises(RuntimeError, match="no database"):
        await two_kinds(rig, lifespan=lifespan).start()

    assert asyncio.all_tasks() == before


async def test_one_kind_that_is_stuck_ends_the_whole_worker_with_75(rig):
    hold = asyncio.Event()
    loop = asyncio.get_running_loop()

    @rig.task
    def hang():
        asyncio.run_coroutine_threadsafe(hold.wait(), loop).result(20)

    await rig.send("hang", queue="second", policy=TaskPolicy(timeout=SECOND // 20, retries=Retries(max=0)))
    worker = two_kinds(rig, concurrency=1)
    await worker.start(supervised=True)
    code = await worker.wait()
    hold.set()

    assert code == ALL_STUCK


async def test_a_stop_that_comes_during_the_lifespan_is_not_lost(rig):
    @asynccontextmanager
    async def lifespan():
        worker.stop()
        yield

    worker = two_kinds(rig, lifespan=lifespan)

    assert await asyncio.wait_for(worker.run(), 20) == 0


async def test_two_starts_at_once_start_one_worker(rig):
    seen = []

    @asynccontextmanager
    async def lifespan():
        seen.append("begin")
        await asyncio.sleep(0)
        yield

    worker = two_kinds(rig, lifespan=lifespan)
    await asyncio.gather(worker.start(), worker.start())
    worker.stop()
    await worker.wait()

    assert seen == ["begin"]


async def test_nobody_waits_for_the_idleness_of_a_worker_that_has_died(rig):
    @rig.task
    async def forever():
        await asyncio.Event().wait()

    await rig.send("forever", queue="first")
    worker = await two_kinds(rig).start()
    idle = asyncio.ensure_future(worker.idle())
    await worker._tasks.close()

    with pytest.raises(StoreClosed):
        await worker.wait()
    done, _ = await asyncio.wait([idle], timeout=20)
    assert idle in done
    idle.exception()  # that it says the store is closed is as good


async def test_a_kind_whose_store_is_closed_ends_the_whole_worker_with_the_error(rig):
    await rig.tasks.open()
    worker = await two_kinds(rig).start()
    await worker._tasks.close()

    with pytest.raises(StoreClosed):
        await worker.wait()


async def test_idle_follows_work_from_one_kind_to_the_other(rig):
    loop = asyncio.get_running_loop()
    done = []

    @rig.task
    async def begin():
        await asyncio.sleep(0)
        await rig.send("middle", queue="second")

    @rig.task
    def middle():
        asyncio.run_coroutine_threadsafe(rig.send("end", queue="first"), loop).result(5)

    @rig.task
    async def end():
        done.append(True)

    await rig.send("begin", queue="first")
    async with two_kinds(rig) as worker:
        await worker.idle()
        assert done == [True]


def test_a_threaded_worker_works_beside_code_without_a_loop(rig):
    @rig.task
    async def add(a, b):
        return a + b

    task_id = asyncio.run(rig.send("add", 1, 2, queue="first"))
    worker = Worker(two_kinds(rig))
    with worker:
        worker.idle()

    assert asyncio.run(rig.look(task_id)).state is State.SUCCEEDED
    assert not worker.alive


async def test_a_kind_that_cannot_start_stops_those_that_have(rig):
    class Broken(CoroutineExecutor):
        async def open(self):
            raise RuntimeError("no children")

    await rig.tasks.open()
    before = asyncio.all_tasks()
    worker = two_kinds(rig)
    worker._parts = WorkerParts(
        tasks=rig.tasks,
        results=None,
        registry=rig.registry,
        serializer=rig.serializer,
        executor={"async": CoroutineExecutor, "thread": Broken}.__getitem__,
    )
    with pytest.raises(RuntimeError, match="no children"):
        await worker.start()

    assert asyncio.all_tasks() == before
