"""A store that goes away and comes back costs time, never a task."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.errors import StoreClosed
from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.results import StoredResult


async def begin(engine):
    await engine.start()
    return asyncio.ensure_future(engine.run())


async def end(engine, running):
    engine.stop()
    return await running


def test_an_outcome_is_held_until_the_store_takes_it(rig, simulate):
    @rig.task
    async def once():
        runs.append(1)
        return 1

    runs = []

    async def main():
        task_id = await rig.send("once")
        rig.ledger.down.add("settle")
        engine = rig.make(lease=3600 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(30)
        rig.ledger.down.clear()
        await engine.idle()
        await end(engine, running)
        return await rig.look(task_id)

    assert (simulate(main).state, runs) == (State.SUCCEEDED, [1])


def test_claiming_goes_on_after_an_outage_and_does_not_hammer(rig, simulate):
    @rig.task
    async def once():
        return 1

    async def main():
        task_id = await rig.send("once")
        rig.ledger.down.add("claim")
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(60)
        asked = rig.ledger.count()["claim"]
        rig.ledger.down.clear()
        await engine.idle()
        await end(engine, running)
        return asked, await rig.look(task_id)

    asked, record = simulate(main)

    assert (asked <= 25, record.state) == (True, State.SUCCEEDED)


def test_a_claim_whose_answer_was_lost_is_abandoned_before_the_next(rig, simulate):
    @rig.task
    async def once():
        return 1

    def lose():
        rig.ledger.after.clear()
        from omniq.errors import StoreUnavailable

        raise StoreUnavailable("answer lost")

    async def main():
        task_id = await rig.send("once")
        rig.ledger.after["claim"] = lose
        engine = rig.make()
        running = await begin(engine)
        await engine.idle()
        await end(engine, running)
        return await rig.look(task_id)

    record = simulate(main)

    names = [name for name, _ in rig.ledger.calls if name in ("claim", "abandon")]
    assert names[:3] == ["claim", "abandon", "claim"]
    assert (record.state, record.releases, record.crashes) == (State.SUCCEEDED, 1, 0)


def test_an_abandon_that_fails_is_still_owed(rig, simulate):
    @rig.task
    async def once():
        return 1

    def lose():
        rig.ledger.after.clear()
        rig.ledger.down.add("abandon")
        from omniq.errors import StoreUnavailable

        raise StoreUnavailable("answer lost")

    async def main():
        task_id = await rig.send("once")
        rig.ledger.after["claim"] = lose
        engine = rig.make(lease=3600 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(5)
        rig.ledger.down.clear()
        await engine.idle()
        await end(engine, running)
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.releases, record.crashes) == (State.SUCCEEDED, 1, 0)


def test_a_task_whose_worker_vanished_runs_again(rig, simulate):
    @rig.task
    async def once():
        return 1

    async def main():
        task_id = await rig.send("once")
        await rig.tasks.claim(["default"], limit=1, lease=15 * SECOND, worker="gone", claim_id=new_claim_id())
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(40)
        await end(engine, running)
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.crashes, record.attempt) == (State.SUCCEEDED, 1, 2)


def test_a_store_that_was_closed_ends_the_worker_with_its_error(rig, simulate):
    async def main():
        await rig.tasks.open()
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(1)
        await rig.tasks.close()
        with pytest.raises(StoreClosed):
            await running

    simulate(main)


def test_a_cancelled_worker_gives_back_what_runs(rig, simulate):
    @rig.task
    async def endless():
        await asyncio.Event().wait()

    async def main():
        task_id = await rig.send("endless")
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(1)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.releases, record.crashes) == (State.READY, 1, 0)


@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "stopped"])
def test_a_worker_that_ends_leaves_no_claim_behind_whose_answer_is_on_its_way(rig, simulate, cancelled):
    original = rig.tasks.claim

    async def claim(*args, **kwargs):
        await original(*args, **kwargs)
        await asyncio.Event().wait()

    async def main():
        rig.tasks.claim = claim
        task_id = await rig.send("any")
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(1)
        before = await rig.look(task_id)
        running.cancel() if cancelled else engine.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return before, await rig.look(task_id)

    before, after = simulate(main)

    assert (before.state, after.state, after.crashes) == (State.RUNNING, State.READY, 0)


async def test_a_result_elsewhere_is_put_under_the_fence_and_not_with_the_task(rig):
    @rig.task
    async def value():
        return 7

    results = MemoryBackend().results()
    rig.options["results"] = results
    task_id = await rig.send("value")
    seen = []
    rig.ledger.after["settle"] = lambda: seen.append(True)
    await rig.work_until_idle()

    record = await rig.look(task_id)
    call = next(what for name, what in rig.ledger.calls if name == "settle")
    assert (record.state, record.result) == (State.SUCCEEDED, None)
    assert await results.get([call[0].fence]) == [StoredResult(value=b"\x07")]
