"""What operations cost the server, counted: round trips, script calls, empty claims."""

import asyncio

import pytest
from tests.redis.words import info, until, until_standing

from omniq.models.states import State
from omniq.models.values import HOUR, MINUTE
from omniq.testing.kit.words import FUSE, draft, ending, enqueue, ids_of, states, take
from omniq_redis.tasks import claim


@pytest.fixture
async def store(own_server, make):
    async with make(own_server().url) as store:
        await enqueue(store, *(draft() for _ in range(3)))  # the server knows the scripts
        await store.settle([ending(one) for one in (await take(store, 3)).tasks])
        yield store


async def calls(store, name):
    """How often the server has run a command so far."""
    found = await info(store, b"commandstats", f"cmdstat_{name}")
    return int("0" + found.partition("calls=")[2].partition(",")[0])


class Counted:
    """Counts the calls of one command inside the block."""

    def __init__(self, store, name="evalsha"):
        self._store, self._name, self.count = store, name, 0

    async def __aenter__(self):
        self._before = await calls(self._store, self._name)
        return self

    async def __aexit__(self, *exc):
        self.count = await calls(self._store, self._name) - self._before


@pytest.mark.parametrize("size", [1, 100, 500])
async def test_enqueue_claim_and_settle_are_one_call_each_up_to_500_tasks(store, size):
    async with Counted(store) as counted:
        await enqueue(store, *(draft() for _ in range(size)))
        claimed = await take(store, size)
        await store.settle([ending(one, result=b"v") for one in claimed.tasks])

    assert len(claimed.tasks) == size
    assert counted.count == 3


async def test_a_large_batch_is_split_at_500(store):
    async with Counted(store) as counted:
        written = await enqueue(store, *(draft() for _ in range(1200)))
        claimed = await take(store, 1200)
        await store.settle([ending(one) for one in claimed.tasks])

    assert ids_of(claimed.tasks) == written
    assert counted.count == 9
    assert set(await states(store, written)) == {State.SUCCEEDED}


async def test_a_batch_is_split_where_its_tasks_name_more_than_5000_parents(store):
    parents = tuple(await enqueue(store, *(draft(queue="p") for _ in range(2000))))
    async with Counted(store) as counted:
        await enqueue(store, *(draft(parents=parents) for _ in range(4)))

    assert counted.count == 2


async def test_one_plain_task_costs_six_steps(store):
    names = ("hincrby", "hsetnx", "hset", "zadd", "hmget", "hget", "time")
    before = [await calls(store, name) for name in names]
    await enqueue(store, draft())

    assert [await calls(store, name) - one for name, one in zip(names, before, strict=True)] == [1, 1, 1, 3, 0, 0, 1]


async def test_a_plain_claim_and_settle_take_the_same_steps_whatever_stands_around(store):
    async def steps():
        names = ("hget", "hset", "hmget", "zadd", "zrem", "zpopmin", "zrange")
        await enqueue(store, draft())
        before = [await calls(store, name) for name in names]
        [task] = (await take(store)).tasks
        await store.settle([ending(task)])
        return [await calls(store, name) - one for name, one in zip(names, before, strict=True)]

    async def add(count):
        await enqueue(store, *(draft(delay=HOUR) for _ in range(count)), *(draft(queue="paused") for _ in range(count)))
        await enqueue(store, *(draft(queue="running") for _ in range(count)))
        await take(store, count, queues=["running"])

    await store.set_paused(["paused"], True)
    await add(1)
    few = await steps()
    await add(200)

    assert await steps() == few


async def test_a_burst_wakes_one_worker_a_task_and_none_in_vain(store, make, monkeypatch):
    monkeypatch.setattr(claim, "POLL", 3600.0)  # so that only a marker wakes
    url = str(store._client.connector.place)
    async with make(url) as first, make(url) as second, make(url) as third:
        standing = [asyncio.ensure_future(take(one, wait=MINUTE)) for one in (first, second, third)]
        await until_standing(store, 3)
        async with Counted(store) as counted:
            [one] = await enqueue(store, draft())
            done, waiting = await asyncio.wait(standing, return_when=asyncio.FIRST_COMPLETED, timeout=FUSE)
        assert [ids_of(claim.result().tasks) for claim in done] == [[one]]
        assert counted.count <= 3  # the enqueue, the claim, and at most one that a full claim has woken for more

        others = await enqueue(store, draft(), draft())
        claimed = await asyncio.wait_for(asyncio.gather(*waiting), FUSE)
        assert sorted(task_id for claim in claimed for task_id in ids_of(claim.tasks)) == sorted(others)


async def test_a_wait_for_an_end_asks_once_and_hears_the_rest(store):
    [task_id] = await enqueue(store, draft())
    listening = asyncio.ensure_future(store.wait_finished([task_id], timeout=HOUR))
    key, field = f"{store._client.prefix}s", bytes.fromhex(task_id.replace("-", ""))

    async def is_watched():
        return (await store._client.command(b"HGET", key, field))[1] == 8

    await until(is_watched)
    async with Counted(store) as counted:
        await store.settle([ending(one) for one in (await take(store)).tasks])
        assert await asyncio.wait_for(listening, FUSE) == [task_id]

    assert counted.count == 2


async def test_nobody_is_told_of_what_nobody_waits_for(store):
    async with Counted(store, "publish") as counted:
        await enqueue(store, draft())
        await store.settle([ending(one) for one in (await take(store)).tasks])

    assert counted.count == 0


async def test_the_time_of_the_server_is_asked_for_once_in_a_while(store):
    await store.server_now()
    async with Counted(store, "time") as counted:
        told = [await store.server_now() for _ in range(5)]

    assert counted.count == 0
    assert told == sorted(told)
    seconds, micros = await store._client.command(b"TIME")
    assert 0 <= int(seconds) * 1_000_000 + int(micros) - told[-1] < 10_000_000
