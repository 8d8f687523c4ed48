"""Who asks, and when it had better not."""

from __future__ import annotations

import asyncio

import pytest

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
