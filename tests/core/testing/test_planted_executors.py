"""The cases of worker kinds have teeth: a kind that strays in one way is caught by the case named for it."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from omniq.builtin.thread import ThreadExecutor
from omniq.execution.context import active
from omniq.testing import ExecutorConformance
from omniq.testing.kit import executors


class OneAtATime(ThreadExecutor):
    """Says that it runs four, and runs one after another."""

    def __init__(self, concurrency):
        super().__init__(concurrency)
        self.turn = asyncio.Lock()

    async def run(self, job):
        async with self.turn:
            return await super().run(job)


class Swallows(ThreadExecutor):
    async def run(self, job):
        try:
            return await super().run(job)
        except executors.KitError:
            return None


class ForgetsTheContext(ThreadExecutor):
    """Runs every body under the context of the first."""

    first = None

    async def run(self, job):
        self.first = self.first or job.context
        active.set(self.first)
        return await super().run(job)


class Shields(ThreadExecutor):
    """Lets go of a cancelled coroutine instead of stopping it."""

    async def run(self, job):
        return await asyncio.shield(asyncio.ensure_future(super().run(job)))


class HidesWhatIsStuck(ThreadExecutor):
    @property
    def stuck(self):
        return 0


class TellsNobody(ThreadExecutor):
    async def open(self):
        self.on_free = None
        await super().open()


CAUGHT = {
    OneAtATime: {
        "test_concurrency_four_is_four_functions_at_once",
        "test_concurrency_four_is_four_coroutines_at_once",
    },
    Swallows: {
        "test_what_a_body_raises_comes_out_with_its_traceback",
        "test_an_error_leaves_the_executor_usable",
    },
    ForgetsTheContext: {
        "test_a_body_sees_its_own_task",
    },
    Shields: {"test_a_cancelled_coroutine_sees_it_and_is_gone"},
    HidesWhatIsStuck: {
        "test_a_given_up_function_takes_its_slot_until_it_returns",
        "test_the_engine_is_told_when_a_stuck_slot_is_free_again",
    },
    TellsNobody: {"test_the_engine_is_told_when_a_stuck_slot_is_free_again"},
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in CAUGHT.items() for name in sorted(names)])
async def test_a_kind_that_strays_is_caught(monkeypatch, kind, name):
    monkeypatch.setattr(executors, "FUSE", 0.5)
    case = getattr(ExecutorConformance(), name)
    executor = kind(4)
    await executor.open()
    given = {"executor": executor, "kind": kind}

    broke = None
    try:
        await case(**{one: given[one] for one in inspect.signature(case).parameters})
    except (Exception, pytest.fail.Exception) as error:
        broke = error
    await executor.close()

    assert broke is not None, "nobody noticed"
    assert not isinstance(broke, TypeError | AttributeError), "the plant itself is broken"
