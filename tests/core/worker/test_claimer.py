"""Who asks, and when it had better not."""

from __future__ import annotations

import asyncio

import pytest

from omniq.errors import StoreUnavailable
from omniq.models.states import State
from omniq.models.values import SECOND
from omniq.worker.claimer import Claimer


@pytest.mark.parametrize(("buffered", "left"), [(True, State.READY), (False, State.RUNNING)])
def test_new_work_is_left_to_others_while_claimed_tasks_wait_for_a_slot(rig, simulate, buffered, left):
    async def main():
        await rig.tasks.open()
        room = [100]
        claimer = Claimer(
            rig.tasks,
            ["default"],
            15 * SECOND,
            "w",
            want=lambda: room[0],
            buffered=lambda: buffered,
            take=lambda tasks, now, sent: room.__setitem__(0, 0),
        )
        running = asyncio.ensure_future(claimer.run())
        await asyncio.sleep(1)
        task_id = await rig.send("any")
        await asyncio.sleep(1)
        state = (await rig.look(task_id)).state
        running.cancel()
        await asyncio.wait([running])
        return state

    assert simulate(main) is left


async def test_a_shutdown_between_a_lost_answer_and_its_abandon_pays_it(rig):
    await rig.tasks.open()
    task_id = await rig.send("any")
    asked = asyncio.Event()

    def lose():
        asked.set()
        raise StoreUnavailable("the answer is lost")

    rig.ledger.after["claim"] = lose
    claimer = Claimer(
        rig.tasks,
        ["default"],
        15 * SECOND,
        "w",
        want=lambda: 1,
        buffered=lambda: False,
        take=lambda tasks, now, sent: None,
    )
    running = asyncio.ensure_future(claimer.run())
    await asked.wait()
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])

    assert (await rig.look(task_id)).state is State.READY
