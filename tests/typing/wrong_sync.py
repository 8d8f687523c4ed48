"""Wrong uses of the sync face: each marked line is flagged by both checkers, and no other."""

from omniq import OmniQ, RetryPolicy

oq = OmniQ("memory://")


@oq.task(retries=3)
def add(a: int, b: int) -> int:
    return a + b


def plain(x: str) -> str:
    return x


def uses() -> None:
    add.enqueue("2", 3)  # wrong
    add.enqueue(2)  # wrong
    add.enqueue(2, 3, c=4)  # wrong
    add.bind(2, "3")  # wrong
    add.options(retrys=3)  # wrong
    add.options(priority="high")  # wrong
    add.options(delay="5m").enqueue("2", 3)  # wrong
    oq.enqueue(plain, 3)  # wrong
    oq.options(quee="low")  # wrong
    oq.map(plain, [1, 2])  # wrong
    RetryPolicy(maximum=3)  # wrong
    text: str = add.enqueue(2, 3).result()  # wrong
    print(text)
