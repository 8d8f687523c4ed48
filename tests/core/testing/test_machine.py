"""The machine has teeth: a store that strays from the model in one small way is found out."""

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from omniq.builtin.memory import MemoryBackend
from omniq.models.states import Counter
from omniq.storage.records import Fence
from omniq.testing import FaultyStore
from omniq.testing.machine import lockstep

QUICK = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


UNTIL_FOUND = settings(QUICK, max_examples=1_500)
"""Ends at the first difference; how soon one comes hangs on the draw."""


class IgnoresTheClaimId(FaultyStore):
    """Renews for every holder of the right attempt."""

    async def extend(self, holds, *, lease):
        found = await self.inner.get([one.fence.task_id for one in holds])
        return await self.inner.extend(
            [
                one
                if task is None or task.attempt != one.fence.attempt
                else msgspec.structs.replace(one, fence=Fence(task.id, task.attempt, task.claim_id))
                for one, task in zip(holds, found, strict=True)
            ],
            lease=lease,
        )


class CountsSnoozesAsFailures(FaultyStore):
    async def settle(self, settlements):
        return await self.inner.settle(
            [
                msgspec.structs.replace(one, count=Counter.FAILURES) if one.count is Counter.SNOOZES else one
                for one in settlements
            ]
        )


class KeepsTooShort(FaultyStore):
    async def enqueue(self, tasks, *, fresh=False):
        return await self.inner.enqueue(
            [msgspec.structs.replace(one, keep=one.keep // 2) for one in tasks], fresh=fresh
        )


class HidesWhatIsFlagged(FaultyStore):
    """Says of a running task that it is cancelled already."""

    async def cancel(self, ids):
        return ["cancelled" if one == "requested" else one for one in await self.inner.cancel(ids)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", [IgnoresTheClaimId, CountsSnoozesAsFailures, KeepsTooShort, HidesWhatIsFlagged])
def test_a_store_that_strays_is_found_out(store):
    machine = lockstep(lambda stack: store(MemoryBackend().tasks()))

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=UNTIL_FOUND)


def test_a_store_that_does_not_stray_passes():
    run_state_machine_as_test(lockstep(lambda stack: FaultyStore(MemoryBackend().tasks())), settings=QUICK)
