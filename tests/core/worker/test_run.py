"""One attempt has one ending, and the first reason to stop it is the one that counts; a lost one has none."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from omniq.errors import PayloadTooLarge
from omniq.execution.context import current
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Reason, State
from omniq.models.values import SECOND
from omniq.storage.records import Fence, Settlement, Trouble

pytestmark = pytest.mark.usefixtures("renewals_in_virtual_time")

ONCE = Retries(max=0)


async def begin(engine):
    await engine.start()
    return asyncio.ensure_future(engine.run())


async def settled_elsewhere(rig, task_id):
    record = await rig.look(task_id)
    fence = Fence(record.id, record.attempt, record.claim_id)
    await rig.tasks.settle([Settlement(fence=fence, ref=None, to=State.FAILED, reason=Reason.CRASHED)])


@pytest.mark.parametrize("extends", [False, True], ids=["plainly", "however it asks for time"])
def test_a_body_is_stopped_at_its_deadline(rig, simulate, extends):
    @rig.task
    async def slow():
        if extends:
            current().extend(timeout=None)
        await asyncio.sleep(60)

    async def main():
        policy = TaskPolicy(deadline=5 * SECOND, timeout=50 * SECOND, retries=Retries(max=3))
        task_id = await rig.send("slow", policy=policy)
        await asyncio.sleep(2)
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.reason) == (State.FAILED, Reason.DEADLINE)
    assert (record.finished_at - record.created_at) / SECOND == pytest.approx(5, abs=0.1)


def test_a_timeout_that_began_to_stop_a_body_stands_though_the_worker_stops(rig, simulate):
    @rig.task
    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(4)

    async def main():
        task_id = await rig.send("slow", policy=TaskPolicy(timeout=3 * SECOND, retries=ONCE))
        engine = rig.make()
        running = await begin(engine)
        await asyncio.sleep(5)
        engine.stop_now()
        await running
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.reason, record.releases) == (State.FAILED, Reason.TIMEOUT, 0)


@pytest.mark.parametrize("first", ["its end", "a timeout"])
def test_of_a_lost_attempt_nothing_is_written_whatever_came(rig, simulate, first):
    @rig.task
    async def deaf():
        if first == "a timeout":
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        await settled_elsewhere(rig, current().id)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "though it was lost"

    async def main():
        policy = TaskPolicy(timeout=3 * SECOND if first == "a timeout" else None, retries=ONCE)
        await rig.send("deaf", policy=policy)
        await rig.work_until_idle()

    simulate(main)

    assert rig.ledger.count()["settle"] == 1


def test_an_attempt_that_is_lost_before_its_first_step_frees_its_slot(rig, simulate):
    @rig.task
    async def endless():
        await asyncio.Event().wait()

    async def main():
        await rig.send("endless")
        engine = rig.make()
        take = engine._claimer._take

        def take_and_lose(tasks, at, sent):
            take(tasks, at, sent)
            for execution in list(engine._slots.running):
                engine._told(execution, Trouble.LOST)

        engine._claimer._take = take_and_lose
        running = await begin(engine)
        await asyncio.sleep(1)
        left = engine.running
        engine.stop_now()
        await running
        return left

    assert simulate(main) == 0
    assert rig.ledger.count()["settle"] == 0


def test_a_value_that_nobody_wants_is_not_kept(rig, simulate):
    @rig.task
    async def value():
        return 7

    async def main():
        task_id = await rig.send("value", policy=TaskPolicy(keep=0))
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.result) == (State.SUCCEEDED, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PayloadTooLarge("the result", 2, 1), Reason.RESULT_TOO_LARGE),
        (TypeError("no"), Reason.RESULT_UNSERIALIZABLE),
    ],
)
def test_a_value_that_cannot_be_written_fails_its_task_with_the_reason(rig, simulate, error, reason):
    @rig.task
    async def value():
        return 7

    def refuse(value):
        raise error

    rig.serializer.dump_result = refuse

    async def main():
        task_id = await rig.send("value", policy=TaskPolicy(retries=Retries(max=3)))
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.reason, record.attempt) == (State.FAILED, reason, 1)


def test_a_task_whose_policy_cannot_be_read_does_not_run(rig, simulate):
    ran = []

    @rig.task
    async def value():
        ran.append(1)

    async def main():
        await rig.tasks.open()
        task = msgspec.structs.replace(rig.new("value"), policy=b"\xc1")
        await rig.tasks.enqueue([task])
        await rig.work_until_idle()
        return await rig.look(task.id)

    assert (simulate(main).reason, ran) == (Reason.UNDECODABLE, [])
