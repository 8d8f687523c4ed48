"""Cases of a worker kind: it runs functions, really at once, and can be stopped.

Bodies are at the top level of this module, so that a kind with child processes can import them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias, TypeVar

import pytest

from omniq.execution.context import Context, active, current
from omniq.execution.executor import Executor, Job
from omniq.models.values import new_id
from omniq.storage.records import ClaimedTask, Fence
from omniq.testing.kit.guard import Guarded
from omniq.testing.kit.words import FUSE

__all__ = ("ExecutorConformance", "ExecutorFactory", "job")

ExecutorFactory: TypeAlias = Callable[[int], Executor]


F = TypeVar("F", bound=Callable[..., Any])


def in_this_process(case: F) -> F:
    """Run this case only for kinds whose bodies share this process's memory."""
    case.__dict__["needs_memory"] = True
    return case


def add(a: int, *, b: int) -> int:
    return a + b


async def add_later(a: int, *, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


class KitError(Exception):
    """What the failing bodies raise."""


def fail(text: str) -> None:
    raise KitError(text)


async def fail_later(text: str) -> None:
    await asyncio.sleep(0)
    raise KitError(text)


def who() -> tuple[str, int]:
    context = current()
    return context.id, context.attempt


async def who_later() -> tuple[str, int]:
    await asyncio.sleep(0)
    return who()


def job(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Job:
    """Make a job as the engine does."""
    task = ClaimedTask(
        fence=Fence(new_id(), 3, 7),
        ref=None,
        name="kit:body",
        queue="default",
        priority=5,
        payload=b"",
        policy=b"",
    )
    context: Context[Any] = Context(task, None, "kit")
    return Job(function, args, kwargs, context, asyncio.iscoroutinefunction(function))


async def run(executor: Executor, one: Job) -> Any:
    """Run a job in a Task of its own with the context set, as the engine does."""

    async def execution() -> Any:
        active.set(one.context)
        return await executor.run(one)

    return await asyncio.wait_for(asyncio.create_task(execution()), FUSE)


class ExecutorConformance(Guarded):
    """Every case of a worker kind. Subclass it and override `kind`: a callable from concurrency to Executor.

    A kind whose bodies run in another process sets `shares_memory = False`: barriers of this process do not
    reach them, so the cases that need one are for its own tests.
    """

    kept = frozenset({"executor"})
    shares_memory = True

    @pytest.fixture
    def kind(self) -> ExecutorFactory:
        """Override: make an executor with this concurrency, not yet open."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `kind`; see ExecutorConformance")

    @pytest.fixture
    async def executor(self, kind: ExecutorFactory, request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
        if getattr(request.function, "needs_memory", False) and not self.shares_memory:
            pytest.skip("the bodies of this kind run in another process")
        executor = kind(4)
        await executor.open()
        try:
            yield executor
        finally:
            await executor.close()

    async def test_a_function_gives_its_value(self, executor: Executor) -> None:
        assert await run(executor, job(add, 2, b=3)) == 5

    async def test_a_coroutine_function_gives_its_value(self, executor: Executor) -> None:
        assert await run(executor, job(add_later, 2, b=3)) == 5

    async def test_what_a_body_raises_comes_out_with_its_traceback(self, executor: Executor) -> None:
        for body in (fail, fail_later):
            with pytest.raises(Exception, match="why") as caught:
                await run(executor, job(body, "why"))

            assert "KitError" in type(caught.value).__name__ or "KitError" in str(caught.value)

    async def test_an_error_leaves_the_executor_usable(self, executor: Executor) -> None:
        for _ in range(10):
            with pytest.raises(Exception, match="why"):
                await run(executor, job(fail, "why"))

        assert await run(executor, job(add, 2, b=3)) == 5

    async def test_a_body_sees_its_own_task(self, executor: Executor) -> None:
        jobs = [job(body) for body in (who, who_later) for _ in range(4)]

        seen = await asyncio.gather(*(run(executor, one) for one in jobs))

        assert seen == [(one.context.id, 3) for one in jobs]

    @in_this_process
    async def test_concurrency_four_is_four_functions_at_once(self, executor: Executor) -> None:
        barrier = threading.Barrier(4)

        places = await asyncio.gather(*(run(executor, job(barrier.wait, FUSE)) for _ in range(4)))

        assert sorted(places) == [0, 1, 2, 3]

    @in_this_process
    async def test_concurrency_four_is_four_coroutines_at_once(self, executor: Executor) -> None:
        barrier = asyncio.Barrier(4)

        async def meet() -> int:
            return await barrier.wait()

        places = await asyncio.gather(*(run(executor, job(meet)) for _ in range(4)))

        assert sorted(places) == [0, 1, 2, 3]

    @in_this_process
    async def test_a_cancelled_coroutine_sees_it_and_is_gone(self, executor: Executor) -> None:
        entered, cleaned = asyncio.Event(), asyncio.Event()

        async def body() -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.set()

        execution = asyncio.create_task(run(executor, job(body)))
        await asyncio.wait_for(entered.wait(), FUSE)
        execution.cancel()

        with pytest.raises(asyncio.CancelledError):
            await execution
        assert cleaned.is_set()
        assert executor.stuck == 0

    @in_this_process
    async def test_a_given_up_function_takes_its_slot_until_it_returns(self, executor: Executor) -> None:
        entered, release = threading.Event(), threading.Event()
        returned = threading.Event()

        def body() -> None:
            entered.set()
            release.wait(FUSE)
            returned.set()

        execution = asyncio.create_task(run(executor, job(body)))
        try:
            assert await asyncio.to_thread(entered.wait, FUSE)
            execution.cancel()
            with pytest.raises(asyncio.CancelledError):
                await execution
            assert executor.stuck == 1
        finally:
            release.set()

        assert await asyncio.to_thread(returned.wait, FUSE)
        while executor.stuck:  # noqa: ASYNC110 - ends by the fuse of the run if the slot never comes back
            await asyncio.sleep(0)
        assert await run(executor, job(add, 2, b=3)) == 5

    @in_this_process
    async def test_the_engine_is_told_when_a_stuck_slot_is_free_again(
        self, executor: Executor, kind: ExecutorFactory
    ) -> None:
        entered, release, freed = threading.Event(), threading.Event(), asyncio.Event()
        executor = kind(4)  # the engine sets `on_free` before it opens
        executor.on_free = freed.set
        await executor.open()

        def body() -> None:
            entered.set()
            release.wait(FUSE)

        one = job(body)
        execution = asyncio.create_task(run(executor, one))
        assert await asyncio.to_thread(entered.wait, FUSE)
        execution.cancel()
        await asyncio.gather(execution, return_exceptions=True)
        assert executor.stuck == int(not executor.interrupts(one)), "what is not interrupted is stuck"
        release.set()

        if not executor.interrupts(one):
            await asyncio.wait_for(freed.wait(), FUSE)
        assert executor.stuck == 0
        await executor.close()

    @in_this_process
    async def test_a_function_is_asked_to_stop_by_the_flag_of_its_context(self, executor: Executor) -> None:
        entered = threading.Event()

        def body() -> str:
            entered.set()
            while not current().cancelled:
                time.sleep(0.001)
            return "stopped"

        one = job(body)
        execution = asyncio.create_task(run(executor, one))
        assert await asyncio.to_thread(entered.wait, FUSE)
        one.context.cancelled = True

        assert await execution == "stopped"

    async def test_an_executor_closes_while_nothing_runs(self, kind: ExecutorFactory) -> None:
        executor = kind(2)
        await executor.open()
        assert await run(executor, job(add, 2, b=3)) == 5

        await executor.close()
