"""Right uses of the async face: both checkers pass in strict mode, and know every type."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, assert_type

import omniq
from omniq import AsyncHandle, AsyncOmniQ, AsyncTask, Call, Handle, OmniQ, State
from omniq.models.result import TaskResult
from omniq.models.task import Task as TaskInfo
from omniq.storage.records import CancelAnswer, RequeueAnswer


class Pool:
    def query(self) -> int:
        return 1


@asynccontextmanager
async def lifespan() -> AsyncGenerator[Pool]:
    yield Pool()


oq = AsyncOmniQ("memory://", lifespan=lifespan)


@oq.task
async def fetch(url: str, *, limit: int = 0) -> bytes:
    return url.encode()[:limit]


@oq.task(retries=0, timeout=30, metadata={"team": "mail"})
def add(a: int, b: int = 0) -> int:
    return a + b


@oq.task()
async def query() -> int:
    return omniq.current(oq).state.query()


@omniq.task(queue="low")
async def shared(a: str) -> float:
    return float(a)


async def undecorated(a: int) -> list[int]:
    return [a]


async def tasks_keep_their_types() -> None:
    assert_type(add(1, b=2), int)
    assert_type(await fetch("u", limit=1), bytes)
    assert_type(await fetch.enqueue("u"), AsyncHandle[bytes])
    handle = await add.enqueue(1, 2)
    assert_type(handle, AsyncHandle[int])
    assert_type(await handle.result(timeout="10s"), int)
    assert_type(await handle, int)
    assert_type(fetch.bind("u"), Call[bytes])
    assert_type(await fetch.options(priority=9).enqueue("u", limit=2), AsyncHandle[bytes])
    assert_type(await query.enqueue(), AsyncHandle[int])
    assert_type(await shared("1"), float)


async def senders_keep_them_too() -> None:
    assert_type(await oq.enqueue(add, 1), AsyncHandle[int])
    assert_type(await oq.enqueue(shared, "1"), AsyncHandle[float])
    assert_type(await oq.enqueue(undecorated, 1), AsyncHandle[list[int]])
    assert_type(await oq.options(delay=5).enqueue(undecorated, a=1), AsyncHandle[list[int]])
    assert_type(await oq.map(undecorated, [1, 2]), list[AsyncHandle[list[int]]])
    assert_type(await oq.enqueue(Pool().query), AsyncHandle[int])
    assert_type(await oq.enqueue(lambda: 1.5), AsyncHandle[float])
    assert_type(await oq.map(len, ["a"]), list[AsyncHandle[int]])
    assert_type(await oq.enqueue_many([fetch.bind("a"), fetch.bind("b")]), list[AsyncHandle[bytes]])


async def waits_and_looks() -> None:
    handles = await oq.map(undecorated, [1, 2])
    assert_type(await oq.gather(handles, timeout=10), list[list[int]])
    assert_type(oq.as_completed(handles), AsyncIterator[AsyncHandle[list[int]]])
    async for handle in oq.as_completed(handles):
        assert_type(await handle, list[int])
    assert_type(await handles[0].state(), State)
    assert_type(await handles[0].cancel(), CancelAnswer)
    assert_type(await oq.requeue("id", delay="5m"), list[RequeueAnswer])
    assert_type(await oq.requeue(state="failed", name="m:f", since="1h", dry_run=True), omniq.Acted)
    assert_type(await oq.purge("low"), omniq.Purged)
    assert_type(await oq.get_task("id"), TaskInfo | None)
    assert_type(await oq.get_result("id"), TaskResult[Any] | None)


def the_other_face() -> None:
    assert_type(oq.sync, OmniQ[Pool])
    assert_type(fetch.sync.enqueue("u", limit=1), Handle[bytes])
    assert_type(add.sync.enqueue(1).result(), int)


async def a_task_is_named_by_its_type(task: AsyncTask[[int], int, int]) -> AsyncHandle[int | None]:
    return await task.enqueue(1)


async def contexts_give_what_they_are() -> None:
    async with oq as app, oq.worker(kind="thread", queues=["low"]) as worker:
        assert_type(app, AsyncOmniQ[Pool])
        assert_type(worker, omniq.AsyncWorker)
