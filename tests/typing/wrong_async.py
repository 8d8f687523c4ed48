"""Wrong uses of the async face: every line with the mark is an error for both checkers, and no other is."""

import omniq
from omniq import AsyncHandle, AsyncOmniQ

oq = AsyncOmniQ("memory://")


@oq.task(retries=3)
async def fetch(url: str, *, limit: int = 0) -> bytes:
    return url.encode()[:limit]


@oq.task
def add(a: int, b: int = 0) -> int:
    return a + b


@omniq.task
async def shared(a: str) -> float:
    return float(a)


async def arguments_are_checked() -> None:
    await fetch.enqueue(1)  # wrong
    await fetch.enqueue("u", 1)  # wrong
    await fetch.enqueue("u", limits=1)  # wrong
    await add.enqueue("1")  # wrong
    await oq.enqueue(shared, 1)  # wrong
    await oq.enqueue(add)  # wrong
    await oq.map(shared, [1])  # wrong
    await oq.enqueue_many([fetch])  # wrong
    shared.bind(1)  # wrong


async def options_are_checked() -> None:
    fetch.options(time_out=3)  # wrong
    fetch.options(schedule="daily")  # wrong
    oq.options(priority=None)  # wrong
    oq.task(on_success=add)  # wrong
    oq.worker(kind=1)  # wrong
    await oq.tasks(state=1)  # wrong
    await oq.requeue(stat="failed")  # wrong
    await oq.delete(["id"], queue="low")  # wrong


async def results_are_checked(handle: AsyncHandle[int]) -> None:
    text: str = await handle  # wrong
    data: str = await (await fetch.enqueue("u")).result()  # wrong
    first: bytes = (await oq.gather([handle]))[0]  # wrong
    print(text, data, first)


async def the_async_face_is_awaited(handle: AsyncHandle[int]) -> None:
    fetch.enqueue("u").result()  # wrong
    oq.gather([handle])[0]  # wrong
    with oq.worker():  # wrong
        pass
    for _ in oq.as_completed([handle]):  # wrong
        pass


def a_plain_task_has_no_sender() -> None:
    shared.enqueue("1")  # wrong
