"""The order of what is given, where more is overdue or expired than one script call handles."""

import asyncio

import pytest
from tests.redis.words import info, standing

from omniq.models.states import State
from omniq.models.values import HOUR, SECOND
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import FUSE, draft, enqueue, ids_of, states, take


@pytest.fixture
async def store(own_server, make):
    store = make(own_server().url)
    store.clock = VirtualClock()
    async with store:
        yield store


async def calls(store, name):
    found = await info(store, b"commandstats", f"cmdstat_{name}")
    return int("0" + found.partition("calls=")[2].partition(",")[0])


async def test_the_most_urgent_of_2500_overdue_tasks_comes_first_though_it_is_the_last_that_became_due(store):
    low = await enqueue(store, *(draft(delay=SECOND, priority=1) for _ in range(2500)))
    high = await enqueue(store, draft(delay=2 * SECOND, priority=9))
    other = await enqueue(store, draft(queue="other"))
    store.clock.step(HOUR)

    claimed = await take(store, 3, queues=["default", "other"])
    assert ids_of(claimed.tasks) == [*high, *low[:2]]

    everything = await take(store, 3000, queues=["default", "other"])
    assert ids_of(everything.tasks) == [*low[2:], *other]


async def test_a_claim_that_stands_by_keeps_the_order_too(store):
    waiting = await standing(store)
    store.clock.step(HOUR)
    low = [draft(delay=SECOND, priority=1) for _ in range(1500)]
    high = draft(delay=2 * SECOND, priority=9)
    await store.set_paused(["default"], True)
    await enqueue(store, *low, high)
    store.clock.step(HOUR)
    await store.set_paused(["default"], False)

    claimed = (await asyncio.wait_for(waiting, FUSE)).tasks

    assert ids_of(claimed) == [high.id]


async def test_a_thousand_expired_tasks_cost_one_small_claim_few_steps_and_it_is_asked_for_again_at_once(store):
    gone = await enqueue(store, *(draft(delay=SECOND, ttl=2 * SECOND) for _ in range(1500)))
    store.clock.step(HOUR)
    [alive] = await enqueue(store, draft())
    before = [await calls(store, name) for name in ("zrange", "hmget")]

    claimed = await take(store)

    assert [await calls(store, name) - one for name, one in zip(("zrange", "hmget"), before, strict=True)] < [20, 20]
    assert claimed.tasks == []
    assert 1000 <= len(claimed.expired) < 1500
    assert claimed.next_due == 0

    claimed = await take(store, 2)
    assert ids_of(claimed.tasks) == [alive]
    assert set(await states(store, gone)) == {State.EXPIRED}


async def test_what_stands_behind_expired_ones_and_finds_no_room_stays_in_its_place(store):
    await enqueue(store, *(draft(ttl=SECOND) for _ in range(3)))
    store.clock.step(HOUR)
    alive = await enqueue(store, *(draft() for _ in range(5)))

    claimed = await take(store, 2)

    assert ids_of(claimed.tasks) == alive[:2]
    assert len(claimed.expired) == 3
    assert ids_of((await take(store, 9)).tasks) == alive[2:]


async def test_a_claim_names_more_queues_than_one_command_takes(store):
    names = [f"q{n}" for n in range(8500)]
    [task_id] = await enqueue(store, draft(queue=names[-1]))

    assert ids_of((await take(store, queues=names)).tasks) == [task_id]
