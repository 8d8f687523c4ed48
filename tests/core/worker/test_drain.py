"""Stopping: what runs may finish, the rest goes back and costs nothing."""

from __future__ import annotations

import asyncio
import threading

from omniq.execution.context import current
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Reason, State
from omniq.models.values import SECOND
from omniq.worker.engine import ALL_STUCK


async def begin(engine):
    await engine.start()
    return asyncio.ensure_future(engine.run())


def test_a_body_may_finish_within_the_grace_and_is_told(rig, simulate):
    told = []

    @rig.task
    async def polite():
        while not current().stopping:  # noqa: ASYNC110 - a body polls it
            await asyncio.sleep(1)
        told.append(True)
        return 1

    async def main():
        task_id = await rig.send("polite")
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(3)
        engine.stop()
        code = await running
        return code, await rig.look(task_id)

    code, record = simulate(main)

    assert (code, told, record.state) == (0, [True], State.SUCCEEDED)


def test_a_body_past_the_grace_is_released_and_keeps_its_retries(rig, simulate):
    @rig.task
    async def endless():
        await asyncio.Event().wait()

    async def main():
        task_id = await rig.send("endless")
        engine = rig.make(shutdown_grace=2 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(1)
        engine.stop()
        await running
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.releases, record.failures, record.crashes) == (State.READY, 1, 0, 0)


def test_stop_now_does_not_wait_for_the_grace(rig, simulate):
    @rig.task
    async def endless():
        await asyncio.Event().wait()

    async def main():
        task_id = await rig.send("endless")
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(1)
        before = asyncio.get_running_loop().time()
        engine.stop_now()
        await running
        return asyncio.get_running_loop().time() - before, await rig.look(task_id)

    took, record = simulate(main)

    assert (took < 10, record.state, record.releases) == (True, State.READY, 1)


def test_a_body_that_swallows_its_cancellation_does_not_hold_up_the_end(rig, simulate):
    @rig.task
    async def deaf():
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                if deaf_no_more:
                    raise

    deaf_no_more = []

    async def main():
        task_id = await rig.send("deaf")
        engine = rig.make(shutdown_grace=SECOND)
        running = await begin(engine)
        await asyncio.sleep(1)
        engine.stop()
        await running
        deaf_no_more.append(True)
        return await rig.look(task_id)

    assert simulate(main).state is State.READY


def test_what_waits_a_second_for_a_slot_goes_back(rig, simulate):
    @rig.task
    async def nap(seconds):
        await asyncio.sleep(seconds)

    async def main():
        await rig.tasks.open()
        await rig.tasks.enqueue([rig.new("nap", 0) for _ in range(60)])
        engine = rig.make(concurrency=2)
        running = await begin(engine)
        await engine.idle()
        long = [rig.new("nap", 100) for _ in range(40)]
        await rig.tasks.enqueue(long)
        await asyncio.sleep(3)
        (row,) = await rig.tasks.stats(["default"])
        most = max([(await rig.look(one.id)).releases for one in long])
        engine.stop_now()
        await running
        return row, most

    row, most = simulate(main)

    assert (row.counts[State.RUNNING], most) == (2, 1)


def test_a_store_that_is_away_at_the_end_does_not_hold_up_the_process(rig, simulate):
    @rig.task
    async def nap():
        await asyncio.sleep(5)

    async def main():
        await rig.send("nap")
        engine = rig.make(shutdown_grace=10 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(1)
        rig.ledger.down.update({"settle", "claim", "abandon", "extend", "reclaim", "sweep"})
        engine.stop()
        await running
        return asyncio.get_running_loop().time()

    assert simulate(main) < 1060


async def test_a_supervised_worker_whose_slots_are_all_stuck_stops_with_75(rig):
    release = threading.Event()

    @rig.task
    def hang():
        release.wait(20)

    policy = TaskPolicy(timeout=SECOND // 20, retries=Retries(max=0))
    task_id = await rig.send("hang", policy=policy)
    rig.options["supervised"] = True
    engine = rig.make(kind="thread", concurrency=1)
    await engine.start()
    code = await engine.run()
    release.set()

    record = await rig.look(task_id)
    assert (code, record.state, record.reason) == (ALL_STUCK, State.FAILED, Reason.TIMEOUT)


async def test_a_worker_that_nobody_starts_anew_waits_for_its_stuck_threads(rig):
    release = threading.Event()

    @rig.task
    def hang():
        release.wait(20)

    @rig.task
    def free():
        return 1

    policy = TaskPolicy(timeout=SECOND // 20, retries=Retries(max=0))
    stuck = await rig.send("hang", policy=policy)
    engine = rig.make(kind="thread", concurrency=1)
    await engine.start()
    running = asyncio.ensure_future(engine.run())
    await rig.tasks.wait_finished([stuck], timeout=20 * SECOND)
    later = await rig.send("free")
    release.set()
    await rig.tasks.wait_finished([later], timeout=20 * SECOND)
    engine.stop()

    assert (await running, (await rig.look(later)).state) == (0, State.SUCCEEDED)


async def test_a_stuck_slot_comes_back_when_its_thread_returns(rig):
    release = threading.Event()

    @rig.task
    def hang():
        release.wait(20)

    @rig.task
    def free():
        release.set()
        return 1

    policy = TaskPolicy(timeout=SECOND // 20, retries=Retries(max=0))
    await rig.send("hang", policy=policy)
    ids = [await rig.send("free") for _ in range(4)]
    await rig.work_until_idle(rig.make(kind="thread", concurrency=2))

    assert {(await rig.look(one)).state for one in ids} == {State.SUCCEEDED}
