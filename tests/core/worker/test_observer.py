"""Who listens hears what the store made of a task, and not what it was asked for."""

from __future__ import annotations

import asyncio

import pytest

from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Reason, State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import Fence, Settlement

pytestmark = pytest.mark.usefixtures("renewals_in_virtual_time")


class Ear:
    """Writes down what a worker tells."""

    def __init__(self):
        self.heard = []

    def started(self, context):
        self.heard.append(("started", context.id))

    def settled(self, task, settlement, became, seconds):
        self.heard.append(("settled", task.fence.task_id, became, None if settlement is None else settlement.to))

    def recovered(self, task):
        self.heard.append(("recovered", task.fence.task_id))

    def swept(self, ended):
        self.heard.append(("swept", ended))


@pytest.fixture
def heard(rig):
    ear = rig.options["hooks"] = Ear()
    return ear.heard


async def settled_elsewhere(rig, task_id):
    record = await rig.look(task_id)
    fence = Fence(record.id, record.attempt, record.claim_id)
    await rig.tasks.settle([Settlement(fence=fence, ref=None, to=State.FAILED, reason=Reason.CRASHED)])


def test_an_outcome_that_came_too_late_is_told_as_lost(rig, simulate, heard):
    @rig.task
    async def slow():
        await settled_elsewhere(rig, ids[0])

    ids = []

    async def main():
        ids.append(await rig.send("slow"))
        await rig.work_until_idle()

    simulate(main)

    assert heard == [("started", ids[0]), ("settled", ids[0], None, None)]


def test_a_body_that_was_stopped_for_its_lost_lease_is_told_as_lost(rig, simulate, heard):
    @rig.task
    async def endless():
        await settled_elsewhere(rig, ids[0])
        await asyncio.Event().wait()

    ids = []

    async def main():
        ids.append(await rig.send("endless"))
        await rig.work_until_idle()

    simulate(main)

    assert heard == [("started", ids[0]), ("settled", ids[0], None, None)]


def test_a_failure_of_a_cancelled_task_is_told_as_its_cancellation(rig, simulate, heard):
    @rig.task
    async def bad():
        await rig.tasks.cancel(ids)
        raise ValueError("no")

    ids = []

    async def main():
        ids.append(await rig.send("bad", policy=TaskPolicy(retries=Retries(max=3))))
        await rig.work_until_idle()

    simulate(main)

    assert heard == [("started", ids[0]), ("settled", ids[0], State.CANCELLED, State.READY)]


def test_a_task_that_expired_in_its_queue_is_told(rig, simulate, heard):
    async def main():
        await rig.tasks.open()
        await rig.tasks.set_paused(["default"], True)
        task_id = await rig.send("any", ttl=SECOND)
        engine = rig.make()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(10)
        engine.stop()
        await running
        return task_id

    task_id = simulate(main)

    assert heard == [("swept", [(task_id, State.EXPIRED)])]


def test_a_crash_is_judged_by_the_policy_of_its_task_and_held_until_it_is_written(rig, simulate, heard):
    async def main():
        policy = TaskPolicy(retries=Retries(max=1, base=7 * SECOND, jitter=False))
        task_id = await rig.send("any", policy=policy)
        await rig.tasks.claim(["default"], limit=1, lease=SECOND, worker="gone", claim_id=new_claim_id())
        await asyncio.sleep(2)
        rig.ledger.down.add("settle")
        engine = rig.make(lease=3 * SECOND)
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(60)
        rig.ledger.down.clear()
        await rig.tasks.set_paused(["default"], True)
        while (record := await rig.look(task_id)).state is State.RUNNING:
            written = asyncio.get_running_loop().time()
            await asyncio.sleep(0.1)
        engine.stop()
        await running
        return task_id, record, record.run_at / SECOND - written

    task_id, record, delay = simulate(main)

    assert heard == [("recovered", task_id), ("settled", task_id, State.READY, State.READY)]
    assert (record.crashes, delay) == (1, pytest.approx(7, abs=0.2))
