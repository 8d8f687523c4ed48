"""Leases outlive whatever user code does to the loop, and a worker without one stops."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from omniq.direct import drive
from omniq.execution.context import current
from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import ExtendAnswer, Settlement, Trouble
from omniq.worker.run import Execution

from .conftest import LoopLeases

LEASE = 300_000
FUSE = 20.0


async def started(rig, **settings):
    engine = rig.make(**settings)
    await engine.start()
    return engine, asyncio.ensure_future(engine.run())


def renewed(rig, times):
    """Give an event that the lease thread sets when it has renewed so often from now on."""
    reached, left = threading.Event(), [times]

    def count():
        left[0] -= 1
        if left[0] <= 0:
            reached.set()

    rig.ledger.after["extend"] = count
    return reached


async def test_a_body_that_blocks_the_loop_for_three_leases_keeps_its_lease(rig):
    nine_thirds = renewed(rig, 9)

    @rig.task
    async def block():
        assert nine_thirds.wait(FUSE)  # blocking is the point
        other = rig.tasks.companion()
        drive(other.open())
        return drive(other.reclaim(limit=1, lease=LEASE, worker="other", claim_id=new_claim_id()))

    task_id = await rig.send("block")
    await rig.work_until_idle(rig.make(lease=LEASE))

    record = await rig.look(task_id)
    assert (record.state, record.attempt, record.crashes) == (State.SUCCEEDED, 1, 0)
    assert record.result == rig.serializer.dump_result([])


async def test_a_cancelled_task_is_stopped_by_its_renewal(rig):
    begun = asyncio.Event()

    @rig.task
    async def wait():
        begun.set()
        await asyncio.Event().wait()

    task_id = await rig.send("wait")
    engine, running = await started(rig, lease=LEASE)
    await begun.wait()
    await rig.tasks.cancel([task_id])
    await rig.tasks.wait_finished([task_id], timeout=10 * SECOND)
    engine.stop()
    await running

    assert (await rig.look(task_id)).state is State.CANCELLED


@pytest.mark.parametrize("blocks", ["a thread", "the loop"])
async def test_a_body_that_blocks_sees_the_flag_and_success_wins(rig, blocks):
    def poll():
        drive(rig.tasks.cancel([current().id]))
        assert renewed(rig, 2).wait(FUSE)  # the flag is set after the first has answered
        return current().cancelled

    async def poll_on_the_loop():
        return poll()

    poll_on_the_loop.__name__ = "poll"
    rig.task(poll if blocks == "a thread" else poll_on_the_loop)
    task_id = await rig.send("poll")
    await rig.work_until_idle(rig.make(lease=LEASE))

    record = await rig.look(task_id)
    assert (record.state, record.result) == (State.SUCCEEDED, rig.serializer.dump_result(True))


async def test_a_worker_that_cannot_renew_stops_the_body_and_writes_nothing(rig):
    stopped = asyncio.Event()

    @rig.task
    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task_id = await rig.send("wait")
    rig.ledger.down.update({"extend", "reclaim"})
    engine, running = await started(rig, lease=LEASE)
    await stopped.wait()
    engine.stop()
    await running

    assert (await rig.look(task_id)).state is State.RUNNING
    assert rig.ledger.count()["settle"] == 0


async def test_a_body_whose_task_was_taken_over_is_stopped(rig):
    begun, stopped = asyncio.Event(), asyncio.Event()

    @rig.task
    async def wait():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task_id = await rig.send("wait")
    engine, running = await started(rig, lease=LEASE)
    await begun.wait()
    ahead = rig.tasks.companion()
    ahead.clock = lambda: time.time_ns() // 1000 + 2 * LEASE
    await ahead.open()
    (taken,) = await ahead.reclaim(limit=1, lease=60 * SECOND, worker="other", claim_id=new_claim_id())
    await stopped.wait()
    engine.stop()
    await running

    assert (await rig.look(task_id)).claim_id == taken.fence.claim_id


def now():
    return asyncio.get_running_loop().time()


async def held(rig, count=1, heard=()):
    """Claim so many for a lease of 15 s, and hold them; what the store says of them goes into `heard`."""
    for _ in range(count):
        await rig.send("any")
    claimed = await rig.tasks.claim(["default"], limit=count, lease=15 * SECOND, worker="w", claim_id=new_claim_id())
    executions = [Execution(task, now(), now()) for task in claimed.tasks]
    leases = LoopLeases(rig.tasks, 15 * SECOND, lambda execution, trouble: heard.append((execution, trouble)))
    leases.hold(executions)
    return leases, executions


def renewals(rig):
    """Give the fences of each renewal."""
    return [[hold.fence for hold in holds] for name, holds in rig.ledger.calls if name == "extend"]


def slow_to_extend(rig, monkeypatch, seconds):
    """Let the answers to renewals be on their way for these times, one after the other."""
    original, times = type(rig.tasks).extend, iter(seconds)

    async def extend(self, holds, *, lease):
        answers = await original(self, holds, lease=lease)
        await asyncio.sleep(next(times, 0))
        return answers

    monkeypatch.setattr(type(rig.tasks), "extend", extend)


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_renewed_lease_counts_from_the_sending_of_its_renewal(rig, simulate, monkeypatch):
    async def main():
        slow_to_extend(rig, monkeypatch, [3])
        leases, (execution,) = await held(rig)
        claimed = execution.confirmed
        leases.start()
        await asyncio.sleep(9)
        await leases.close()
        return leases.expires(execution) - claimed

    assert simulate(main) == pytest.approx(5 + 13.5)


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_renewal_that_hangs_costs_neither_the_next_one_nor_the_lease(rig, simulate, monkeypatch):
    @rig.task
    async def slow():
        await asyncio.sleep(60)

    async def main():
        slow_to_extend(rig, monkeypatch, [3600, 0, 0, 3600])
        task_id = await rig.send("slow")
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.attempt, record.crashes) == (State.SUCCEEDED, 1, 0)


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_an_older_attempt_of_a_task_is_not_renewed_beside_the_newer(rig, simulate):
    async def main():
        leases, older = await held(rig, count=20)  # a set has no order that a mistake could count on
        await rig.tasks.abandon(older[0].task.fence.claim_id)
        claimed = await rig.tasks.claim(["default"], limit=20, lease=15 * SECOND, worker="w", claim_id=new_claim_id())
        await asyncio.sleep(1)
        newer = [Execution(task, now(), now()) for task in claimed.tasks]
        leases.hold(newer)
        leases.start()
        await asyncio.sleep(9)
        await leases.close()
        return {one.task.fence for one in newer}, {one.confirmed for one in older}, {one.confirmed for one in newer}

    fences, of_the_older, of_the_newer = simulate(main)

    assert [set(one) for one in renewals(rig)] == [fences]
    assert (of_the_older, of_the_newer) == ({1000.0}, {1006.0})


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_ref_that_a_renewal_moves_is_handed_back_at_the_next(rig, simulate, monkeypatch):
    original = type(rig.tasks).extend

    async def extend(self, holds, *, lease):
        answers = await original(self, holds, lease=lease)
        return answers + [ExtendAnswer(hold.fence.task_id, None, ref=f"{hold.ref}+") for hold in holds]

    monkeypatch.setattr(type(rig.tasks), "extend", extend)

    async def main():
        leases, (execution,) = await held(rig)
        execution.ref = "ref"
        leases.start()
        await asyncio.sleep(11)
        await leases.close()
        return [hold.ref for name, holds in rig.ledger.calls if name == "extend" for hold in holds], execution.ref

    assert simulate(main) == (["ref", "ref+"], "ref++")


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_lease_that_is_let_go_is_renewed_no_more(rig, simulate):
    async def main():
        leases, executions = await held(rig, count=2)
        leases.drop(executions[:1])
        leases.start()
        await asyncio.sleep(6)
        await leases.close()
        return executions[1].task.fence

    kept = simulate(main)

    assert renewals(rig) == [[kept]]


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_lease_that_may_be_over_is_not_renewed_when_the_store_is_back(rig, simulate):
    async def main():
        leases, _ = await held(rig)
        rig.ledger.down.add("extend")
        leases.start()
        await asyncio.sleep(14)
        rig.ledger.down.clear()
        await asyncio.sleep(14)
        await leases.close()

    simulate(main)

    assert len(renewals(rig)) == 2  # at 5 and 10 s


@pytest.mark.usefixtures("renewals_in_virtual_time")
@pytest.mark.parametrize(
    ("trouble", "confirmed"),
    [(Trouble.LOST, 1000.0), (Trouble.CANCEL, 1005.0)],
    ids=["a lost one is not confirmed", "a cancelled one is confirmed"],
)
def test_a_renewal_tells_what_the_store_said(rig, simulate, trouble, confirmed):
    heard = []

    async def main():
        leases, (execution,) = await held(rig, heard=heard)
        if trouble is Trouble.LOST:
            await rig.tasks.settle([Settlement(fence=execution.task.fence, ref=execution.ref, to=State.READY)])
        else:
            await rig.tasks.cancel([execution.id])
        leases.start()
        await asyncio.sleep(6)
        await leases.close()
        return execution

    execution = simulate(main)

    assert heard == [(execution, trouble)]
    assert execution.confirmed == confirmed


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_direct_renewal_that_took_long_does_not_put_off_the_next(rig, simulate, monkeypatch):
    clock, took, pauses = [0.0], iter([3.0, 0.0, 7.0, 0.0]), []
    monkeypatch.setattr("omniq.worker.leases.time", SimpleNamespace(monotonic=lambda: clock[0]))
    rig.ledger.after["extend"] = lambda: clock.__setitem__(0, clock[0] + next(took))

    def wait(seconds):
        pauses.append(seconds)
        return len(pauses) > 4

    async def main():
        leases, _ = await held(rig)
        leases._loop = asyncio.get_running_loop()
        leases._stop = SimpleNamespace(wait=wait)
        leases._renew_directly()  # in this thread, between two steps of the loop

    simulate(main)

    assert pauses == [5.0, 2.0, 5.0, 0.0, 5.0]
