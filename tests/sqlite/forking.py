"""A process that forks with an open store; run by test_forks.py as `python forking.py STORY PATH`.

It is a process of its own, so that no thread or loop of the test is carried into a child.
"""

import asyncio
import os
import signal
import sys
import threading
import warnings

from omniq.direct import drive
from omniq.testing.kit.words import draft, take
from omniq_sqlite import SQLiteBackend, SQLiteOptions

warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads: that is the story


def store_at(path):
    return SQLiteBackend(SQLiteOptions(path=path)).tasks()


def child(body):
    """Run this in a forked child; give its process id."""
    number = os.fork()
    if number == 0:
        signal.alarm(60)  # a child that hangs must not outlive its test
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return number


def ended(number):
    assert os.waitpid(number, 0)[1] == 0


def both_write(path):
    """Parent and child write by the same handle, and claim from the same queue."""
    store = store_at(path)
    drive(store.open())
    drive(store.enqueue([draft(queue="before") for _ in range(50)]))

    def body():
        for _ in range(100):
            drive(store.enqueue([draft(queue="child")]))
        assert len(drive(take(store, 10, queues=["before"])).tasks) == 10

    number = child(body)
    for _ in range(100):
        drive(store.enqueue([draft(queue="parent")]))
    assert len(drive(take(store, 10, queues=["before"])).tasks) == 10
    ended(number)
    drive(store.close())


def parent_leaves(path):
    """The parent closes, a third process comes and goes, and only then the child writes."""
    store = store_at(path)
    drive(store.open())
    drive(store.enqueue([draft(queue="parent")]))
    ready, go = os.pipe(), os.pipe()

    def body():
        drive(store.enqueue([draft(queue="child")]))
        os.write(ready[1], b"!")
        os.read(go[0], 1)
        drive(store.enqueue([draft(queue="child")]))

    number = child(body)
    os.read(ready[0], 1)
    drive(store.close())

    ended(os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, __file__, "third", path]))
    os.write(go[1], b"!")
    ended(number)


def third(path):
    store = store_at(path)
    drive(store.open())
    drive(store.enqueue([draft(queue="third")]))
    drive(store.close())


def under_way(path):
    """The process forks again and again while threads write by the same handle."""
    store = store_at(path)
    drive(store.open())
    children = []
    over = threading.Event()

    def write():
        async def main():
            while not over.is_set():
                await asyncio.gather(*(store.enqueue([draft(queue="parent") for _ in range(20)]) for _ in range(5)))

        asyncio.run(main())

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(20):
        children.append(child(lambda: drive(store.enqueue([draft(queue="child")]))))
    for number in children:
        ended(number)
    over.set()
    thread.join()
    drive(store.close())


def on_a_loop(path):
    """A child runs a loop of its own, with waits, by the handle that it inherited."""

    async def main():
        store = store_at(path)
        await store.open()
        await store.enqueue([draft(queue="parent", payload=bytes(100_000))])  # by the thread
        assert not (await take(store, queues=["none"], wait=1)).tasks  # by the ear
        return store

    store = asyncio.run(main())

    async def again():
        waiting = asyncio.ensure_future(take(store, queues=["child"], wait=60_000_000))
        await asyncio.sleep(0)
        await store.enqueue([draft(queue="child", payload=bytes(100_000))])
        assert len((await waiting).tasks) == 1
        await store.close()

    ended(child(lambda: asyncio.run(again())))
    drive(store.close())


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2])
