"""Housekeeping: soon after a start, bounded, and never more often than it finds work."""

from __future__ import annotations

import asyncio

import pytest

from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import Settlement
from omniq.worker import sweeper
from omniq.worker.sweeper import BOUND, Sweeper

LEASE = 15 * SECOND
LOST, SWEPT = "lost", "swept"


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Take the jitter away: what is left are the pauses themselves."""
    monkeypatch.setattr(sweeper, "jittered", lambda seconds: seconds)


@pytest.fixture
def found():
    return {LOST: [], SWEPT: []}


@pytest.fixture
def make(rig, found):
    return lambda: Sweeper(
        rig.tasks, None, lease=LEASE, worker="w", crashed=found[LOST].append, ended=found[SWEPT].extend
    )


def now():
    return asyncio.get_running_loop().time()


async def leave_behind(rig, count):
    """Claim so many for a worker that is gone, and let their leases run out."""
    await rig.tasks.open()
    await rig.tasks.enqueue([rig.new("any") for _ in range(count)])
    await rig.tasks.claim(["default"], limit=count, lease=SECOND, worker="gone", claim_id=new_claim_id())
    await asyncio.sleep(2)


async def let_expire(rig, count):
    """Enqueue so many that nobody starts in time."""
    await rig.tasks.open()
    tasks = [rig.new("any", ttl=SECOND) for _ in range(count)]
    await rig.tasks.enqueue(tasks)
    await asyncio.sleep(2)
    return [task.id for task in tasks]


async def end(running):
    running.cancel()
    await asyncio.wait([running])


def test_the_first_look_for_lost_leases_is_at_once(rig, simulate, make, found):
    async def main():
        await leave_behind(rig, 1)
        begun = now()
        running = asyncio.ensure_future(make().recover())
        while not found[LOST]:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)
        await end(running)
        return now() - begun

    assert simulate(main) < 0.01


def test_lost_leases_are_looked_for_every_third_of_a_lease(rig, simulate, make):
    times = []

    async def main():
        await rig.tasks.open()
        rig.ledger.after["reclaim"] = lambda: times.append(now() - 1000)
        running = asyncio.ensure_future(make().recover())
        await asyncio.sleep(16)
        await end(running)

    simulate(main)

    assert times == [0, 5, 10, 15]


def test_recovery_takes_over_all_that_is_lost_in_bounded_steps_each_with_an_id_of_its_own(rig, simulate, make, found):
    async def main():
        await leave_behind(rig, 2 * BOUND + 1)
        await make().recover_once()

    simulate(main)

    assert len({task.fence.task_id for task in found[LOST]}) == len(found[LOST]) == 2 * BOUND + 1
    assert len({task.fence.claim_id for task in found[LOST]}) == rig.ledger.count()["reclaim"] == 3


@pytest.mark.parametrize(("operation", "what"), [("reclaim", LOST), ("sweep", SWEPT)])
def test_an_outage_does_not_end_housekeeping_and_is_not_hammered(rig, simulate, make, found, operation, what):
    async def main():
        await (leave_behind if what == LOST else let_expire)(rig, 1)
        rig.ledger.down.add(operation)
        running = asyncio.ensure_future(make().recover() if what == LOST else make().sweep())
        await asyncio.sleep(60)
        asked = rig.ledger.count()[operation]
        rig.ledger.down.clear()
        await asyncio.sleep(60)
        await end(running)
        return asked

    assert 2 < simulate(main) < 30
    assert found[what]


def test_a_sweep_that_finds_nothing_puts_off_the_next_and_one_that_does_brings_it_near(rig, simulate, make):
    times = []

    async def main():
        await rig.tasks.open()
        begun = now()
        rig.ledger.after["sweep"] = lambda: times.append(round(now() - begun))
        running = asyncio.ensure_future(make().sweep())
        await asyncio.sleep(100)
        await rig.tasks.enqueue([rig.new("any", ttl=SECOND)])
        await asyncio.sleep(50)
        await end(running)

    simulate(main)

    assert times == [5, 15, 35, 65, 95, 125, 130, 140]


def test_a_sweep_goes_on_until_nothing_is_left_and_tells_all_of_it(rig, simulate, make, found):
    async def main():
        ids = await let_expire(rig, 2 * BOUND)
        return ids, await make().sweep_once()

    ids, any_found = simulate(main)

    assert sorted(found[SWEPT]) == sorted((one, State.EXPIRED) for one in ids)
    assert any_found


def test_a_large_sweep_gives_the_loop_its_turns(rig, simulate, make):
    turns, seen = [], []

    async def count():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def main():
        await let_expire(rig, 3 * BOUND)
        rig.ledger.after["sweep"] = lambda: seen.append(len(turns))
        counting = asyncio.ensure_future(count())
        await make().sweep_once()
        await end(counting)

    simulate(main)

    assert len(seen) >= 3
    assert len(set(seen)) == len(seen)


def test_a_purge_counts_as_work(rig, simulate, make):
    async def main():
        await rig.send("any", keep=0)
        claimed = await rig.tasks.claim(["default"], limit=1, lease=LEASE, worker="w", claim_id=new_claim_id())
        (task,) = claimed.tasks
        await rig.tasks.settle([Settlement(fence=task.fence, ref=task.ref, to=State.SUCCEEDED)])
        await asyncio.sleep(3600)
        return [await make().sweep_once(), await make().sweep_once()]

    assert simulate(main) == [True, False]
