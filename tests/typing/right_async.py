"""Right uses of the async face: both checkers pass in strict mode, without an ignore."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import assert_type

import omniq
from omniq import AsyncHandle, AsyncOmniQ, AsyncTask, Call, RetryPolicy


class Pool:
    size: int = 1


@asynccontextmanager
async def lifespan() -> AsyncGenerator[Pool]:
    yield Pool()


oq = AsyncOmniQ("memory://", lifespan=lifespan)
bare = AsyncOmniQ("memory://")


@oq.task(retries=3, timeout="30s")
def add(a: int, b: int = 2) -> int:
    return a + b


@oq.task
async def fetch(url: str) -> bytes:
    return url.encode()


@omniq.task
def plain(x: str) -> str:
    return x


async def uses() -> None:
    assert_type(await add.enqueue(2, 3), AsyncHandle[int])
    assert_type(await (await add.enqueue(2, b=3)).result(timeout=1), int)
    assert_type(await (await fetch.enqueue("u")), bytes)
    assert_type(add(1), int)
    assert_type(add.bind(1), Call[int])
    assert_type(await oq.enqueue_many([add.bind(1), add.bind(2)]), list[AsyncHandle[int]])
    assert_type(await oq.enqueue(plain, "x"), AsyncHandle[str])
    assert_type(await oq.enqueue(fetch, "x"), AsyncHandle[bytes])
    assert_type(await oq.map(len, ["a"]), list[AsyncHandle[int]])
    assert_type(await oq.gather([await add.enqueue(1)]), list[int])
    assert_type(await add.options(delay="5m", retry=RetryPolicy(max=1)).enqueue(1), AsyncHandle[int])
    assert_type(await oq.options(queue="low").enqueue(plain, "x"), AsyncHandle[str])
    assert_type(omniq.current(oq).state, Pool)
    async for done in oq.as_completed([await add.enqueue(1)]):
        assert_type(done, AsyncHandle[int])
    async with bare.worker():
        pass


async def takes(task: AsyncTask[[int, int], int, int]) -> None:
    assert_type(await task.enqueue(1, 2), AsyncHandle[int])
