"""Threads for bodies: what is given up, and when."""

import asyncio
import threading

import pytest

from omniq.builtin.threads import Threads


@pytest.fixture
def threads():
    made = Threads(1, "test")
    yield made
    made.close()


async def cancelled(task):
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_that_is_given_up_before_a_thread_took_it_never_runs(threads):
    entered, leave, ran = threading.Event(), threading.Event(), []

    def block() -> None:
        entered.set()
        leave.wait(10)

    first = asyncio.ensure_future(threads.run(block, (), {}))
    await asyncio.to_thread(entered.wait, 10)
    second = asyncio.ensure_future(threads.run(ran.append, ("second",), {}))
    await asyncio.sleep(0)
    await cancelled(second)

    assert threads.stuck == 0
    leave.set()
    await first
    await threads.run(ran.append, ("third",), {})
    assert ran == ["third"]


async def test_a_body_that_runs_is_stuck_until_its_thread_returns(threads):
    entered, leave, freed = threading.Event(), threading.Event(), asyncio.Event()
    threads.on_free = freed.set

    def block() -> None:
        entered.set()
        leave.wait(10)

    first = asyncio.ensure_future(threads.run(block, (), {}))
    await asyncio.to_thread(entered.wait, 10)
    await cancelled(first)

    assert threads.stuck == 1
    leave.set()
    await asyncio.wait_for(freed.wait(), 10)
    assert threads.stuck == 0


async def test_a_value_and_an_error_come_back(threads):
    assert await threads.run(abs, (-1,), {}) == 1
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, (1, 0), {})
