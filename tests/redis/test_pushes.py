"""Only a push ends these waits: nobody asks again by the clock within an hour."""

import asyncio

import pytest
from tests.redis.words import until

from omniq.models.states import State, Until
from omniq.models.values import HOUR, SECOND, new_claim_id
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import FUSE, draft, end, ending, enqueue, ids_of, key, record, settle, take, take_one
from omniq_redis.tasks import claim, queue


@pytest.fixture
async def store(make, monkeypatch):
    monkeypatch.setattr(claim, "POLL", 3600.0)
    monkeypatch.setattr(queue, "BACKSTOP", 3600.0)
    store = make()
    store.clock = VirtualClock()
    async with store:
        yield store


async def listening(store, task_id):
    """Begin to wait for an end, and give the wait once the server is asked to tell."""
    waiting = asyncio.ensure_future(store.wait_finished([task_id], timeout=HOUR))
    field = bytes.fromhex(task_id.replace("-", ""))

    async def is_watched():
        return (await store._client.command(b"HGET", f"{store._client.prefix}s", field))[1] & 8

    await until(is_watched)
    return waiting


@pytest.mark.parametrize("how", ["cancel", "claim", "sweep"])
async def test_the_end_of_a_task_is_pushed_whoever_ends_it(store, how):
    [task_id] = await enqueue(store, draft(ttl=SECOND))
    waiting = await listening(store, task_id)
    if how == "cancel":
        await store.cancel([task_id])
    else:
        store.clock.step(HOUR)
        await (take(store) if how == "claim" else store.sweep(10))

    assert await asyncio.wait_for(waiting, FUSE) == [task_id]


async def test_the_end_of_a_child_beyond_one_call_is_pushed(store):
    [parent] = await enqueue(store, draft())
    children = await enqueue(store, *(draft(parents=(parent,)) for _ in range(1200)))
    waiting = await listening(store, max(children))

    await store.cancel([parent])

    assert await asyncio.wait_for(waiting, FUSE) == [max(children)]


async def test_who_waits_for_an_end_asks_again_when_the_subscription_breaks(store):
    [task_id] = await enqueue(store, draft())
    waiting = await listening(store, task_id)
    ear = store._ear._connection
    await store._client.command(b"CLIENT", b"KILL", b"TYPE", b"pubsub")

    async def is_replaced():
        return store._ear._connection is not ear

    await asyncio.wait_for(until(is_replaced), FUSE)
    await settle(store, await take_one(store))
    assert await asyncio.wait_for(waiting, FUSE) == [task_id]


async def marked(store):
    return bool(await store._client.command(b"EXISTS", f"{store._client.prefix}m:default"))


async def test_the_marker_stands_while_somebody_should_wake_and_no_longer(store):
    await enqueue(store, draft(), draft())
    await take(store)
    assert await marked(store), "a full claim leaves something"
    await take(store, 2)
    assert not await marked(store), "a short claim took all"

    await enqueue(store, draft(delay=HOUR))
    assert await marked(store), "the next due task is another"
    await take(store)
    await enqueue(store, draft(delay=2 * HOUR))
    assert not await marked(store), "somebody waits for an earlier one already"


async def test_resuming_a_queue_wakes_who_stands_by(store):
    await store.set_paused(["default"], True)
    [task_id] = await enqueue(store, draft())
    await store._client.command(b"DEL", f"{store._client.prefix}m:default")
    waiting = await standing_at_this(store)
    await store.set_paused(["default"], False)

    assert ids_of((await asyncio.wait_for(waiting, FUSE)).tasks) == [task_id]


async def standing_at_this(store):
    """Begin a claim that stands by, and give it once its connection waits at the server."""
    waiting = asyncio.ensure_future(take(store, wait=HOUR))

    async def is_waiting():
        return bool(store._client._standing) and b"cmd=bzpopmin" in await store._client.command(b"CLIENT", b"LIST")

    await until(is_waiting)
    return waiting


async def test_a_requeued_child_holds_its_parent_again(store):
    [parent] = await enqueue(store, draft(queue="p"))
    [child] = await enqueue(store, draft(parents=(parent,)))
    await store.cancel([parent])
    assert await store.requeue([child]) == ["requeued"]

    assert await store.delete([parent]) == ["needed"]


async def test_an_abandoned_claim_takes_over_no_lease(store):
    await enqueue(store, draft())
    await take_one(store, lease=SECOND)
    claim_id = new_claim_id()
    await store.abandon(claim_id)
    store.clock.step(2 * SECOND)

    assert await store.reclaim(limit=1, lease=SECOND, worker="w", claim_id=claim_id) == []
    assert len(await store.reclaim(limit=1, lease=SECOND, worker="w", claim_id=new_claim_id())) == 1


async def test_the_sweep_of_a_window_leaves_the_key_to_who_holds_it_now(store):
    await end(store, State.SUCCEEDED, unique=key("a", until=Until.WINDOW, window=SECOND))
    store.clock.step(2 * SECOND)
    [holder] = await enqueue(store, draft(unique=key("a")))
    await store.sweep(100)

    [refused] = await store.enqueue([draft(unique=key("a"))])
    assert refused.holder == holder


async def test_what_one_settlement_was_refused_is_no_matter_to_the_next(store):
    await enqueue(store, draft(), draft())
    first, second = (await take(store, 2)).tasks
    [known] = await enqueue(store, draft(queue="x"))
    child = draft(parents=(known,))

    await store.settle([ending(first, after=(draft(id=known, name="m:other"),)), ending(second, after=(child,))])

    assert (await record(store, child.id)).parents == (known,)
