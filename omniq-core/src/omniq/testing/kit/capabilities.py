"""Cases of the life of a handle, and of honesty: what a store declares is what it does."""

from __future__ import annotations

import asyncio

import pytest

from omniq.direct import drive
from omniq.errors import StoreClosed
from omniq.models.states import State
from omniq.models.values import new_claim_id
from omniq.storage.base import Durability, Feature, Finding
from omniq.storage.records import Where
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import PROJECT, Factory, Ground, requires
from omniq.testing.kit.words import LEASE, declares, draft, ending, enqueue, hold, states, take, take_one

__all__ = ("HandleCases",)

MOST_PARENTS = 10_000
"""What core lets through at most."""


class HandleCases(Ground):
    """A handle opens, closes and multiplies; constructing it touches nothing."""

    async def test_capabilities_are_known_before_a_handle_opens(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue]
    ) -> None:
        fresh = factory(PROJECT)

        assert fresh.capabilities == store.capabilities
        assert fresh.describe()
        assert fresh.name
        assert fresh.capabilities.batch_atomic >= 1
        assert fresh.capabilities.max_payload >= 256 * 1024
        assert fresh.capabilities.durability in Durability
        assert fresh.capabilities.max_parents >= 1

    async def test_joining_a_transaction_is_declared_where_it_is_offered(self, store: BaseTaskQueue) -> None:
        assert hasattr(store, "enqueue_in") == declares(store, Feature.TRANSACTIONS)

    async def test_a_child_may_have_as_many_parents_as_declared(self, store: BaseTaskQueue) -> None:
        count = min(store.capabilities.max_parents, MOST_PARENTS)
        parents = await enqueue(store, *(draft(queue="parents") for _ in range(count)))
        [child] = await enqueue(store, draft(parents=tuple(parents)))
        while tasks := (await take(store, 500, queues=["parents"])).tasks:
            assert await states(store, [child]) == [State.WAITING]
            await store.settle([ending(task) for task in tasks])

        assert (await take_one(store)).fence.task_id == child

    async def test_the_time_of_the_store_is_that_of_its_clock(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        assert await store.server_now() == clock()
        clock.advance("1h")
        assert await store.server_now() == clock()
        async with store.companion() as companion:
            assert await companion.server_now() == clock()

    async def test_opening_an_open_handle_and_closing_a_closed_one_do_nothing(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        await store.open()
        assert await states(store, [task_id]) == [State.READY]

        await store.close()
        await store.close()

    async def test_a_closed_handle_says_so_and_opens_again(self, store: BaseTaskQueue) -> None:
        async with store.companion() as companion:  # what a process shares lives as long as one handle
            [task_id] = await enqueue(companion, draft())
            await store.close()
            with pytest.raises(StoreClosed):
                await store.get([task_id])

            await store.open()
            assert await states(store, [task_id]) == [State.READY]

    async def test_a_companion_sees_the_same_data_and_outlives_its_maker(self, store: BaseTaskQueue) -> None:
        async with store.companion() as companion, companion.companion() as third:
            [task_id] = await enqueue(store, draft())
            task = await take_one(companion)
            await store.close()

            assert await third.settle([ending(task, result=b"v")]) == []
            assert await states(companion, [task_id]) == [State.SUCCEEDED]

    async def test_a_check_gives_findings(self, store: BaseTaskQueue) -> None:
        for finding in await store.check():
            assert isinstance(finding, Finding)
            assert finding.ok or finding.advice, "a finding that is not fine says what to do"

    async def test_a_failing_call_affects_no_other(self, store: BaseTaskQueue) -> None:
        tasks = [draft() for _ in range(9)]
        calls = [store.enqueue([task]) for task in tasks]
        bad = store.list(Where(), after="no such mark")

        answers = await asyncio.gather(*calls[:5], bad, *calls[5:], return_exceptions=True)

        assert [isinstance(answer, ValueError) for answer in answers] == [False] * 5 + [True] + [False] * 4
        assert await states(store, [task.id for task in tasks]) == [State.READY] * 9

    @requires(Feature.DIRECT)
    async def test_a_direct_store_ends_every_operation_in_the_callers_thread(self, store: BaseTaskQueue) -> None:
        task = draft()
        assert drive(store.enqueue([task], fresh=True)) == []
        claimed = drive(take(store)).tasks[0]
        assert drive(store.extend([hold(claimed)], lease=LEASE)) == []
        assert drive(store.settle([ending(claimed, result=b"v")])) == []
        [found] = drive(store.get([task.id], payload=True, result=True))
        assert found is not None
        assert found.result == b"v"
        assert drive(store.wait_finished([task.id], timeout=0)) == [task.id]
        drive(store.abandon(new_claim_id()))
        assert drive(store.reclaim(limit=1, lease=LEASE, worker="kit", claim_id=new_claim_id())) == []
        drive(store.set_paused(["other"], True))
        assert drive(store.cancel([task.id])) == ["finished"]
        assert drive(store.requeue([task.id])) == ["succeeded"]
        assert len(drive(store.list(Where())).items) == 1
        assert drive(store.stats(["default"]))[0].counts[State.SUCCEEDED] == 1
        assert drive(store.delete([task.id])) == ["deleted"]
        drive(store.sweep(10))
        drive(store.server_now())
        drive(store.check())
        companion = store.companion()
        drive(companion.open())
        drive(companion.close())

    @requires(Feature.DIRECT)
    async def test_any_thread_may_call_a_direct_handle(self, store: BaseTaskQueue) -> None:
        tasks = [draft() for _ in range(8)]

        await asyncio.gather(*(asyncio.to_thread(drive, store.enqueue([task])) for task in tasks))

        assert await states(store, [task.id for task in tasks]) == [State.READY] * 8

    @requires(Feature.DIRECT)
    async def test_the_key_value_space_of_a_direct_store_is_direct_too(self, store: BaseTaskQueue) -> None:
        version = drive(store.kv_put("ns", "k", b"v"))

        assert version is not None
        assert drive(store.kv_get("ns", "k")) is not None
        assert len(drive(store.kv_list("ns"))[0]) == 1
        assert drive(store.kv_due("ns")) == ([], None)
        assert drive(store.kv_delete("ns", "k", expect=version))
