"""Wrong uses of the async face: each marked line is flagged by both checkers, and no other."""

from omniq import AsyncOmniQ, RetryPolicy

oq = AsyncOmniQ("memory://")


@oq.task(retries=3)
def add(a: int, b: int) -> int:
    return a + b


def plain(x: str) -> str:
    return x


async def uses() -> None:
    await add.enqueue("2", 3)  # wrong
    await add.enqueue(2)  # wrong
    await add.enqueue(2, 3, c=4)  # wrong
    add.bind(2, "3")  # wrong
    add.options(retrys=3)  # wrong
    add.options(priority="high")  # wrong
    await add.options(delay="5m").enqueue("2", 3)  # wrong
    await oq.enqueue(plain, 3)  # wrong
    oq.options(quee="low")  # wrong
    await oq.map(plain, [1, 2])  # wrong
    RetryPolicy(maximum=3)  # wrong
    text: str = await (await add.enqueue(2, 3)).result()  # wrong
    print(text)
