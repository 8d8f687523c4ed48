"""Outcomes reach the store together, and one that it cannot take costs nobody else theirs."""

from __future__ import annotations

import pytest

from omniq.builtin.memory import MemoryTaskQueue
from omniq.models.states import State

GUILTY = b"what this store cannot take"


@pytest.fixture
def picky(rig, monkeypatch):
    """Make the store raise something of its own for one result."""
    original = MemoryTaskQueue.settle

    async def settle(self, settlements):
        if any(one.result == GUILTY for one in settlements):
            raise OverflowError("too large for a column")
        return await original(self, settlements)

    monkeypatch.setattr(rig.tasks.__class__.__mro__[1], "settle", settle)
    monkeypatch.setattr(rig.tasks.__class__, "settle", settle)
    rig.serializer.dump_result = lambda value: value
    return rig


async def test_an_outcome_that_the_store_cannot_take_fails_and_its_neighbours_are_written(picky):
    runs = []

    @picky.task
    async def good():
        runs.append(1)
        return b"1"

    @picky.task
    async def bad():
        return GUILTY

    good_ids = [await picky.send("good") for _ in range(5)]
    bad_id = await picky.send("bad")
    await picky.work_until_idle()

    assert {(await picky.look(one)).state for one in good_ids} == {State.SUCCEEDED}
    assert ((await picky.look(bad_id)).state, len(runs)) == (State.FAILED, 5)
