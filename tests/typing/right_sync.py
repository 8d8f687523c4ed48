"""Right uses of the sync face: both checkers pass in strict mode, without an ignore."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import assert_type

import omniq
from omniq import Call, Handle, OmniQ, RetryPolicy, SyncTask


class Pool:
    size: int = 1


@asynccontextmanager
async def lifespan() -> AsyncGenerator[Pool]:
    yield Pool()


oq = OmniQ("memory://", lifespan=lifespan)
bare = OmniQ("memory://")


@oq.task(retries=3, timeout="30s")
def add(a: int, b: int = 2) -> int:
    return a + b


@oq.task
async def fetch(url: str) -> bytes:
    return url.encode()


@omniq.task
def plain(x: str) -> str:
    return x


def uses() -> None:
    assert_type(add.enqueue(2, 3), Handle[int])
    assert_type(add.enqueue(2, b=3).result(timeout=1), int)
    assert_type(fetch.enqueue("u").result(), bytes)
    assert_type(add(1), int)
    assert_type(add.bind(1), Call[int])
    assert_type(oq.enqueue_many([add.bind(1), add.bind(2)]), list[Handle[int]])
    assert_type(oq.enqueue(plain, "x"), Handle[str])
    assert_type(oq.enqueue(fetch, "x"), Handle[bytes])
    assert_type(oq.map(len, ["a"]), list[Handle[int]])
    assert_type(oq.gather([add.enqueue(1)]), list[int])
    assert_type(add.options(delay="5m", retry=RetryPolicy(max=1)).enqueue(1), Handle[int])
    assert_type(oq.options(queue="low").enqueue(plain, "x"), Handle[str])
    assert_type(omniq.current(oq).state, Pool)
    for done in oq.as_completed([add.enqueue(1)]):
        assert_type(done, Handle[int])
    with bare.worker():
        pass


def takes(task: SyncTask[[int, int], int, int]) -> None:
    assert_type(task.enqueue(1, 2), Handle[int])
