"""Right uses of the sync face: both checkers pass in strict mode, and know every type."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any, assert_type

import omniq
from omniq import Call, Handle, OmniQ, RetryPolicy, State, SyncTask, Unique
from omniq.models.result import TaskResult
from omniq.models.task import Task as TaskInfo
from omniq.storage.records import CancelAnswer, RequeueAnswer


class Pool:
    def query(self) -> int:
        return 1


@asynccontextmanager
async def lifespan() -> AsyncGenerator[Pool]:
    yield Pool()


plain = OmniQ("memory://")
oq = OmniQ("memory://", lifespan=lifespan, allow=["shop.tasks"])


@oq.task
def add(a: int, b: int = 0) -> int:
    return a + b


@oq.task(retries=3, timeout="30s", queue="low")
def name_of(number: int, *, upper: bool = False) -> str:
    return str(number).upper() if upper else str(number)


@oq.task
async def fetch(url: str) -> bytes:
    return url.encode()


@oq.task(
    retry=RetryPolicy(max=2, retry_on=(ConnectionError, "shop.errors:Busy"), give_up_on=ValueError),
    unique=Unique("k", until=60),
)
async def nothing() -> None:
    assert_type(omniq.current(oq).state, Pool)
    assert_type(omniq.current(oq).state.query(), int)
    assert_type(omniq.current().state, Any)


@omniq.task
def shared(a: str) -> float:
    return float(a)


def undecorated(a: int) -> list[int]:
    return [a]


def tasks_keep_their_types() -> None:
    assert_type(add(1, b=2), int)
    assert_type(add.enqueue(1, 2), Handle[int])
    assert_type(add.enqueue(1).result(timeout=10), int)
    assert_type(name_of.enqueue(1, upper=True).result(), str)
    assert_type(fetch.enqueue("u"), Handle[bytes])
    assert_type(fetch.enqueue("u").result(), bytes)
    assert_type(nothing.enqueue().result(), None)
    assert_type(add.bind(1, b=2), Call[int])
    assert_type(fetch.bind("u"), Call[bytes])
    assert_type(add.options(delay="5m", id="018f0000-0000-7000-8000-000000000001").enqueue(1), Handle[int])
    assert_type(shared("1"), float)


async def calling_runs_it_here() -> None:
    assert_type(await fetch("u"), bytes)
    assert_type(await fetch.aio.enqueue("u"), omniq.AsyncHandle[bytes])
    assert_type(await oq.aio.enqueue(undecorated, 1), omniq.AsyncHandle[list[int]])


def senders_keep_them_too() -> None:
    assert_type(oq.enqueue(add, 1, b=2), Handle[int])
    assert_type(oq.enqueue(fetch, "u"), Handle[bytes])
    assert_type(oq.enqueue(shared, "1"), Handle[float])
    assert_type(oq.enqueue(undecorated, 1).result(), list[int])
    assert_type(oq.options(queue="low", priority=9, tags=["a"]).enqueue(undecorated, a=1), Handle[list[int]])
    assert_type(oq.map(undecorated, [1, 2]), list[Handle[list[int]]])
    assert_type(oq.enqueue(Pool().query), Handle[int])
    assert_type(oq.enqueue(lambda: 1.5), Handle[float])
    assert_type(oq.enqueue_many(add.bind(n) for n in range(2)), list[Handle[int]])
    assert_type(oq.map(fetch, ["u"]), list[Handle[bytes]])
    assert_type(oq.map(len, ["a"]), list[Handle[int]])
    assert_type(oq.enqueue_many([add.bind(1), add.bind(2)]), list[Handle[int]])


def waits_and_looks() -> None:
    handles = oq.map(undecorated, [1, 2])
    assert_type(oq.gather(handles, timeout="10s"), list[list[int]])
    assert_type(oq.as_completed(handles), Iterator[Handle[list[int]]])
    for handle in oq.as_completed(handles, timeout=1.5):
        assert_type(handle.result(), list[int])
    assert_type(handles[0].state(), State)
    assert_type(handles[0].cancel(), CancelAnswer)
    assert_type(oq.requeue("id", delay="5m"), list[RequeueAnswer])
    assert_type(oq.requeue(state="failed", name="m:f", since="1h", dry_run=True), omniq.Acted)
    assert_type(oq.purge("low"), omniq.Purged)
    assert_type(oq.handle("id"), Handle[Any])
    assert_type(oq.get_task("id"), TaskInfo | None)
    assert_type(oq.get_result("id"), TaskResult[Any] | None)
    assert_type([task.id for task in oq.tasks(state="failed", queue="low", limit=5)], list[str])


def a_handle_is_covariant(handle: Handle[int], call: Call[bool]) -> None:
    wide: Handle[int | str] = handle
    general: Call[int] = call
    print(wide, general)


def a_task_is_named_by_its_type(task: SyncTask[[int], int, int]) -> Handle[int]:
    return task.enqueue(1)


def contexts_give_what_they_are() -> None:
    with oq as app, oq.worker(queues={"images": "thread", "default": "async"}, concurrency=4) as worker:
        assert_type(app, OmniQ[Pool])
        assert_type(worker, omniq.Worker)
    assert_type(plain.aio.sync, OmniQ[Any])
