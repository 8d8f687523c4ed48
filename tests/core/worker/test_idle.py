"""When a worker says that all is done: not before, and not never."""

from __future__ import annotations

import asyncio

import pytest

from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Reason, State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import Fence, Settlement

FUSE = 3600


@pytest.fixture
def fails_once(rig):
    """A task that fails at its first run, told apart by its argument."""
    failed = set()

    @rig.task
    async def fail_once(which):
        if which not in failed:
            failed.add(which)
            raise ValueError("no")


def retried_after(seconds):
    return TaskPolicy(retries=Retries(max=1, base=seconds * SECOND, jitter=False))


def test_the_longest_retry_is_waited_for_whichever_failed_last(rig, simulate, fails_once):
    async def main():
        ids = [await rig.send("fail_once", n, policy=retried_after(n)) for n in (20, 1)]
        await rig.work_until_idle()
        return [(await rig.look(one)).state for one in ids]

    assert simulate(main) == [State.SUCCEEDED] * 2


def test_a_crash_that_was_taken_over_is_waited_for(rig, simulate, fails_once):
    async def main():
        task_id = await rig.send("fail_once", 1, policy=retried_after(5))
        await rig.tasks.claim(["default"], limit=1, lease=SECOND, worker="gone", claim_id=new_claim_id())
        await asyncio.sleep(2)
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.crashes) == (State.SUCCEEDED, 1)


def test_an_engine_is_not_quiet_while_it_has_a_task_or_owes_it_a_retry(rig, simulate, fails_once):
    """A worker of several kinds asks each of them this after the others were idle."""

    async def main():
        engine = rig.make()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(1)
        quiet = [engine.quiet]
        await rig.send("fail_once", 1, policy=retried_after(5))
        rig.ledger.down.add("settle")
        await asyncio.sleep(1)
        quiet.append(engine.quiet)  # ended, not written
        rig.ledger.down.clear()
        await asyncio.sleep(1)
        quiet.append(engine.quiet)  # owes the retry
        await asyncio.sleep(60)
        quiet.append(engine.quiet)
        engine.stop()
        await running
        return quiet

    assert simulate(main) == [True, False, False, True]


def test_an_engine_that_takes_over_a_crash_is_not_quiet_until_that_is_written(rig, simulate):
    async def main():
        await rig.send("unknown")
        await rig.tasks.claim(["default"], limit=1, lease=SECOND, worker="gone", claim_id=new_claim_id())
        await asyncio.sleep(2)
        rig.ledger.down.add("settle")
        engine = rig.make()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(1)
        quiet = engine.quiet
        rig.ledger.down.clear()
        engine.stop()
        await running
        return quiet

    assert simulate(main) is False


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_worker_whose_only_task_was_lost_is_idle(rig, simulate):
    @rig.task
    async def endless():
        await asyncio.Event().wait()

    async def main():
        task_id = await rig.send("endless")
        engine = rig.make()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(1)
        record = await rig.look(task_id)
        fence = Fence(record.id, record.attempt, record.claim_id)
        await rig.tasks.settle([Settlement(fence=fence, ref=None, to=State.FAILED, reason=Reason.CRASHED)])
        async with asyncio.timeout(FUSE):
            await engine.idle()
        engine.stop()
        await running

    simulate(main)


def test_what_a_paused_queue_holds_is_not_waited_for(rig, simulate):
    async def main():
        await rig.tasks.open()
        await rig.tasks.set_paused(["default"], True)
        await rig.send("any")
        async with asyncio.timeout(FUSE):
            await rig.work_until_idle()

    simulate(main)


def test_what_another_worker_runs_is_waited_for(rig, simulate):
    async def main():
        await rig.send("any")
        claimed = await rig.tasks.claim(["default"], limit=1, lease=FUSE * SECOND, worker="w2", claim_id=new_claim_id())
        (task,) = claimed.tasks
        end = Settlement(fence=task.fence, ref=task.ref, to=State.SUCCEEDED)
        ended = asyncio.ensure_future(later(rig.tasks.settle, [end]))
        await rig.work_until_idle()
        return ended.done()

    async def later(settle, settlements):
        await asyncio.sleep(60)
        await settle(settlements)

    assert simulate(main)
