"""Outcomes reach the store together, and one that it cannot take costs nobody else theirs."""

from __future__ import annotations

import asyncio

import pytest

from omniq.builtin.memory import MemoryTaskQueue
from omniq.execution.ending import Returned
from omniq.models.policy import PLAIN
from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import ExtendAnswer
from omniq.worker.outcome import settlement
from omniq.worker.run import Execution
from omniq.worker.settler import Settler

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


async def ended(rig):
    """Claim one, with a settlement that was made before its ref moved."""
    await rig.send("any")
    claimed = await rig.tasks.claim(["default"], limit=1, lease=15 * SECOND, worker="w", claim_id=new_claim_id())
    execution = Execution(claimed.tasks[0], 0.0, 0.0)
    execution.settlement = settlement(execution.task, Returned(b"1"), PLAIN, chance=0.5, ref="old")
    return execution


def refs(rig):
    return [[one.ref for one in what] for name, what in rig.ledger.calls if name == "settle"]


def make_settler(rig, **parts):
    return Settler(
        rig.tasks,
        None,
        drop=parts.get("drop", lambda batch: None),
        report=parts.get("report", lambda batch, answers: None),
        took=lambda seconds: None,
    )


def test_a_ref_that_moved_after_the_ending_is_the_one_that_is_sent(rig, simulate):
    async def main():
        settler, execution = make_settler(rig), await ended(rig)
        settler.add(execution)
        execution.ref = "new"
        settler.close()
        await settler.run()
        return (await rig.look(execution.id)).state

    assert (simulate(main), refs(rig)) == (State.SUCCEEDED, [["new"]])


def test_a_ref_that_moves_while_the_store_is_away_is_the_one_that_is_sent(rig, simulate):
    async def main():
        settler, execution = make_settler(rig), await ended(rig)
        execution.ref = "old"
        rig.ledger.down.add("settle")
        settler.add(execution)
        settler.close()
        running = asyncio.ensure_future(settler.run())
        await asyncio.sleep(5)
        rig.ledger.down.clear()
        execution.ref = "new"
        await running
        return (await rig.look(execution.id)).state

    state = simulate(main)

    assert (state, refs(rig)[0], refs(rig)[-1]) == (State.SUCCEEDED, ["old"], ["new"])


@pytest.mark.usefixtures("renewals_in_virtual_time")
def test_a_store_that_moves_its_refs_is_settled_by_the_newest(rig, simulate, monkeypatch):
    original, newest = type(rig.tasks).extend, []

    async def extend(self, holds, *, lease):
        answers = await original(self, holds, lease=lease)
        newest.append(f"ref {len(newest)}")
        return answers + [ExtendAnswer(hold.fence.task_id, None, ref=newest[-1]) for hold in holds]

    monkeypatch.setattr(type(rig.tasks), "extend", extend)

    @rig.task
    async def nothing():
        pass

    async def main():
        await rig.send("nothing")
        rig.ledger.down.add("settle")
        engine = rig.make(lease=3 * SECOND)
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(30)
        rig.ledger.down.clear()
        await engine.idle()
        last = newest[-1]
        engine.stop()
        await running
        return last

    last = simulate(main)

    assert refs(rig)[-1] == [last]


def test_a_lease_is_let_go_after_the_answer_and_before_the_report(rig, simulate):
    steps = []

    async def main():
        settler = make_settler(
            rig, drop=lambda batch: steps.append("let go"), report=lambda batch, answers: steps.append("told")
        )
        rig.ledger.after["settle"] = lambda: steps.append(f"answered, {settler.unsettled} unsettled")
        settler.add(await ended(rig))
        settler.close()
        await settler.run()

    simulate(main)

    assert steps == ["answered, 1 unsettled", "let go", "told"]


def test_what_ends_during_a_settle_goes_with_the_next(rig, simulate):
    async def main():
        settler = make_settler(rig)
        first, second, third = [await ended(rig) for _ in range(3)]
        for execution, ref in ((first, 1), (second, 2), (third, 3)):
            execution.ref = ref

        def more():
            rig.ledger.after.clear()
            settler.add(second)
            settler.add(third)
            settler.close()

        rig.ledger.after["settle"] = more
        settler.add(first)
        await settler.run()

    simulate(main)

    assert refs(rig) == [[1], [2, 3]]
