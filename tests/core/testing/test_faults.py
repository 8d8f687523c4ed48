"""The wrapper breaks the call it was told to break, and no other."""

import asyncio

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.errors import StoreUnavailable
from omniq.models.states import State
from omniq.storage.records import Refusal
from omniq.testing import FaultyEventStorage, FaultyResultStorage, FaultyStore, VirtualClock
from omniq.testing.kit.words import draft, ending, enqueue, states, take, take_one


@pytest.fixture
async def store():
    store = FaultyStore(MemoryBackend().tasks())
    store.clock = VirtualClock()
    async with store:
        yield store


async def test_a_dropped_reply_hides_a_write_that_happened(store):
    task = draft()
    store.drop_reply("enqueue")

    with pytest.raises(StoreUnavailable):
        await store.enqueue([task])

    assert await states(store, [task.id]) == [State.READY]
    assert [one.what for one in await store.enqueue([task])] == [Refusal.KNOWN]


async def test_a_refused_call_writes_nothing(store):
    task = draft()
    store.refuse("enqueue")

    with pytest.raises(StoreUnavailable):
        await store.enqueue([task])

    assert await states(store, [task.id]) == [None]


async def test_a_call_that_comes_twice_gives_its_second_answer(store):
    await enqueue(store, draft())
    task = await take_one(store)
    store.twice("settle")

    assert await store.settle([ending(task)]) == []
    store.twice("enqueue")
    assert [one.what for one in await store.enqueue([draft()])] == [Refusal.KNOWN]


async def test_an_answer_is_held_until_the_block_ends(store):
    with store.hold("enqueue") as entered:
        call = asyncio.ensure_future(store.enqueue([task := draft()]))
        await entered.wait()
        assert await states(store, [task.id]) == [State.READY]
        assert not call.done()

    assert await call == []


async def test_an_abandon_after_a_lost_claim_loses_no_task(store):
    [task_id] = await enqueue(store, draft())
    store.drop_reply("claim")
    with pytest.raises(StoreUnavailable):
        await take(store, claim_id=7)

    await store.abandon(7)

    assert (await take_one(store)).fence.task_id == task_id


async def test_calls_are_recorded_over_companions(store):
    async with store.companion() as companion:
        await companion.enqueue([task := draft()])
    await store.cancel([task.id])

    assert [one.operation for one in store.calls()] == ["enqueue", "cancel"]
    assert store.calls("cancel")[0].args == ([task.id],)


async def test_a_delayed_request_has_not_happened_until_the_block_ends(store):
    with store.delay("enqueue") as entered:
        call = asyncio.ensure_future(store.enqueue([task := draft()]))
        await entered.wait()
        assert await states(store, [task.id]) == [None]

    assert await call == []
    assert await states(store, [task.id]) == [State.READY]


@pytest.mark.parametrize("wrapper", [FaultyStore, FaultyResultStorage, FaultyEventStorage])
def test_every_operation_goes_through_the_wrapper(wrapper):
    [contract] = [base for base in wrapper.__bases__ if base.__module__.startswith("omniq.storage")]
    for operation in contract.__abstractmethods__:
        assert any(operation in vars(one) for one in wrapper.__mro__[: wrapper.__mro__.index(contract)]), operation
