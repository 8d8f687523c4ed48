"""Leases outlive whatever user code does to the loop, and a worker without one stops."""

from __future__ import annotations

import asyncio
import time

from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id

LEASE = 300_000


async def started(rig, **settings):
    engine = rig.make(**settings)
    await engine.start()
    return engine, asyncio.ensure_future(engine.run())


async def test_a_body_that_blocks_the_loop_for_three_leases_keeps_its_lease(rig):
    @rig.task
    async def block():
        time.sleep(3 * LEASE / SECOND)  # noqa: ASYNC251 - blocking is the point
        return "kept"

    task_id = await rig.send("block")
    await rig.work_until_idle(rig.make(lease=LEASE))

    record = await rig.look(task_id)
    assert (record.state, record.attempt, record.crashes) == (State.SUCCEEDED, 1, 0)
    assert rig.ledger.count()["extend"] >= 3


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


async def test_a_thread_body_sees_the_flag_and_success_wins(rig):
    from omniq.execution.context import current

    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    @rig.task
    def poll():
        loop.call_soon_threadsafe(begun.set)
        while not current().cancelled:
            time.sleep(0.01)
        return "in time"

    task_id = await rig.send("poll")
    engine, running = await started(rig, lease=LEASE)
    await begun.wait()
    await rig.tasks.cancel([task_id])
    await rig.tasks.wait_finished([task_id], timeout=10 * SECOND)
    engine.stop()
    await running

    assert (await rig.look(task_id)).state is State.SUCCEEDED


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


async def test_a_hung_body_is_renewed_no_longer_than_its_max_runtime(rig):
    stopped = asyncio.Event()

    @rig.task
    async def hang():
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await rig.send("hang", policy=TaskPolicy(max_runtime=LEASE, retries=Retries(max=0)))
    engine, running = await started(rig, lease=LEASE)
    await stopped.wait()
    engine.stop()
    await running

    assert rig.ledger.count()["extend"] <= 6
