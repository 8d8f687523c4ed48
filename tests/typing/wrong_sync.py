"""Wrong uses of the sync face: every line with the mark is an error for both checkers, and no other is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import omniq
from omniq import Call, Handle, OmniQ, RetryPolicy


class Pool:
    def query(self) -> int:
        return 1


@asynccontextmanager
async def lifespan() -> AsyncGenerator[Pool]:
    yield Pool()


oq = OmniQ("memory://", lifespan=lifespan)


@oq.task
def add(a: int, b: int = 0) -> int:
    return a + b


@oq.task
async def fetch(url: str) -> bytes:
    return url.encode()


def of_text(a: str) -> float:
    return float(a)


def arguments_are_checked(handle: Handle[int]) -> None:
    add("1")  # wrong
    add.enqueue("1")  # wrong
    add.enqueue()  # wrong
    add.enqueue(1, 2, 3)  # wrong
    add.enqueue(1, c=2)  # wrong
    add.bind("1")  # wrong
    fetch.enqueue(1)  # wrong
    add.options(queue="low").enqueue("1")  # wrong
    oq.enqueue(add, "1")  # wrong
    oq.enqueue(fetch)  # wrong
    oq.enqueue(of_text, 1)  # wrong
    oq.options(queue="low").enqueue(of_text, 1)  # wrong
    oq.map(of_text, [1, 2])  # wrong
    oq.enqueue_many([add])  # wrong
    oq.gather([add.bind(1)])  # wrong
    handle.result(10)
    handle.result(timeout=[10])  # wrong


def options_are_checked() -> None:
    add.options(retrys=3)  # wrong
    add.options(priority="high")  # wrong
    add.options(name="other")  # wrong
    add.options(parents=[])  # wrong
    oq.options(queues="low")  # wrong
    oq.task(retrys=3)  # wrong
    RetryPolicy(maximum=3)  # wrong
    oq.task(id="018f0000-0000-7000-8000-000000000001")  # wrong
    oq.task(delay=5)  # wrong
    omniq.task(timeout=[1])  # wrong
    oq.worker(threads=4)  # wrong
    oq.start_worker(concurrency="many")  # wrong
    oq.tasks(status="failed")  # wrong
    oq.requeue(stat="failed")  # wrong
    oq.delete(["id"], queue="low")  # wrong


def results_are_checked(call: Call[int], handle: Handle[int | None]) -> None:
    text: str = add.enqueue(1).result()  # wrong
    number: int = fetch.enqueue("u").result()  # wrong
    both: list[str] = oq.gather([add.enqueue(1)])  # wrong
    narrow: Handle[int] = handle  # wrong
    other: Call[str] = call  # wrong
    omniq.current(oq).state.execute()  # wrong
    print(text, number, both, narrow, other)


async def the_sync_face_is_not_awaited() -> None:
    await add.enqueue(1)  # wrong
    await add.enqueue(1).result()  # wrong
    async with oq.worker():  # wrong
        pass
