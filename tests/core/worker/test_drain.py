"""Stopping: what runs may finish, the rest goes back and costs nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from omniq.execution.context import current
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Reason, State
from omniq.models.values import SECOND, new_claim_id
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
        (body,) = engine._slots.bodies()
        engine.stop()
        await running
        deaf_no_more.append(True)
        body.cancel()
        await asyncio.wait([body])
        return await rig.look(task_id), engine._settler.unsettled

    record, unsettled = simulate(main)

    assert (record.state, record.releases) == (State.READY, 1)
    assert unsettled == 0  # its end, when it came, was nobody's any more


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


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_all_that_runs_has_the_whole_grace(rig, simulate):
    @rig.task
    async def nap(seconds):
        await asyncio.sleep(seconds)

    async def main():
        ids = [await rig.send("nap", seconds) for seconds in (2, 25, 29)]
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(1)
        engine.stop()
        await running
        return [(await rig.look(one)).state for one in ids]

    assert simulate(main) == [State.SUCCEEDED] * 3


def test_what_waits_for_a_slot_goes_back_at_the_stop_and_does_not_start(rig, simulate):
    ran = []

    @rig.task
    async def nap():
        ran.append(current().id)
        await asyncio.sleep(0.5)

    async def main():
        engine = rig.make(concurrency=1)
        running, ids = await rig.fill_buffer(engine, ["nap", "nap"])
        engine.stop()
        await running
        return ids, await rig.look(ids[1])

    ids, waited = simulate(main)

    assert (ran, waited.state, waited.releases) == ([ids[0]], State.READY, 1)


def test_a_body_that_starts_after_the_stop_is_told_as_well(rig, simulate):
    told = []

    @rig.task
    async def last():
        await asyncio.sleep(0.5)
        engines[0].stop()  # the next one starts before the engine hears of it

    @rig.task
    async def later():
        told.append(current().stopping)

    engines = []

    async def main():
        engines.append(rig.make(concurrency=1))
        running, _ = await rig.fill_buffer(engines[0], ["last", "later"])
        await running

    simulate(main)

    assert told == [True]


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_stop_now_does_not_wait_for_a_store_that_is_away(rig, simulate):
    @rig.task
    async def nothing():
        pass

    async def main():
        await rig.send("nothing")
        rig.ledger.down.add("settle")
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(1)
        before = asyncio.get_running_loop().time()
        engine.stop_now()
        await running
        return asyncio.get_running_loop().time() - before

    assert simulate(main) < 1


def test_the_last_outcomes_have_time_to_reach_the_store_after_the_grace(rig, simulate):
    @rig.task
    async def endless():
        await asyncio.Event().wait()

    async def main():
        task_id = await rig.send("endless")
        engine = rig.make(shutdown_grace=SECOND)
        running = await begin(engine)
        await asyncio.sleep(1)
        rig.ledger.down.add("settle")
        asyncio.get_running_loop().call_later(4, rig.ledger.down.clear)
        engine.stop()
        await running
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.releases) == (State.READY, 1)


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_what_has_ended_is_renewed_until_it_is_written(rig, simulate):
    @rig.task
    async def nothing():
        pass

    async def main():
        task_id = await rig.send("nothing")
        rig.ledger.down.add("settle")
        engine = rig.make(lease=3 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(1)
        asyncio.get_running_loop().call_later(20, rig.ledger.down.clear)
        engine.stop()
        lost = 0
        while not running.done():
            taken = await rig.tasks.reclaim(limit=1, lease=SECOND, worker="other", claim_id=new_claim_id())
            lost += len(taken)
            await asyncio.sleep(1)
        return lost, await rig.look(task_id)

    lost, record = simulate(main)

    assert (lost, record.state) == (0, State.SUCCEEDED)


async def test_a_worker_that_ended_leaves_no_thread_and_no_lifespan_open(rig):
    seen = []

    @asynccontextmanager
    async def lifespan():
        seen.append("begin")
        yield
        seen.append("end")

    @rig.task
    def nothing():
        pass

    rig.options["lifespan"] = lifespan
    await rig.send("nothing")
    engine = rig.make(kind="thread")
    await engine.start()
    running = asyncio.ensure_future(engine.run())
    await engine.idle()
    threads = [engine._leases._thread, *engine._executor._threads._threads]
    engine.stop()
    await running
    for thread in threads:
        thread.join(5)

    assert [thread.is_alive() for thread in threads] == [False, False]
    assert seen == ["begin", "end"]


async def test_work_that_came_while_all_slots_were_stuck_begins_when_one_is_free(rig):
    release = threading.Event()

    @rig.task
    def hang():
        release.wait(20)

    @rig.task
    def free():
        return 1

    policy = TaskPolicy(timeout=SECOND // 20, retries=Retries(max=0))
    stuck = await rig.send("hang", policy=policy)
    engine = rig.make(kind="thread", concurrency=1, lease=3600 * SECOND)  # no renewal and no fence wakes it
    running = await begin(engine)
    await rig.tasks.wait_finished([stuck], timeout=20 * SECOND)
    later = await rig.send("free")
    release.set()
    finished = await rig.tasks.wait_finished([later], timeout=5 * SECOND)
    engine.stop_now()
    await running

    assert finished == [later]


async def test_a_worker_whose_slots_are_stuck_says_so_each_time(rig, caplog):
    releases = [threading.Event(), threading.Event()]

    @rig.task
    def hang(which):
        releases[which].wait(20)

    @rig.task
    def free():
        return 1

    policy = TaskPolicy(timeout=SECOND // 20, retries=Retries(max=0))
    engine = rig.make(kind="thread", concurrency=1)
    running = None
    for which, release in enumerate(releases):
        stuck = await rig.send("hang", which, policy=policy)
        running = running or await begin(engine)
        await rig.tasks.wait_finished([stuck], timeout=20 * SECOND)
        release.set()
        later = await rig.send("free")
        await rig.tasks.wait_finished([later], timeout=20 * SECOND)
    engine.stop()
    await running

    assert [record.getMessage()[:15] for record in caplog.records if record.levelname == "ERROR"] == [
        "all 1 slots are"
    ] * 2
