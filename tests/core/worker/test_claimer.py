"""Who asks, and when it had better not."""

from __future__ import annotations

import asyncio

import pytest

from omniq.errors import StoreFull, StoreUnavailable
from omniq.models.states import State
from omniq.models.values import SECOND
from omniq.worker.claimer import LAST_WORD, Claimer


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


def now():
    return asyncio.get_running_loop().time()


def make_claimer(rig, *, want=lambda: 1, buffered=lambda: False, take=lambda tasks, at, sent: None):
    return Claimer(rig.tasks, ["default"], 15 * SECOND, "w", want=want, buffered=buffered, take=take)


async def end(running):
    running.cancel()
    await asyncio.wait([running])
    return running


def test_a_full_answer_is_followed_by_another_claim_though_tasks_wait_for_a_slot(rig, simulate):
    taken = []

    async def main():
        for _ in range(3):
            await rig.send("any")
        room = iter([1] * 50)
        claimer = make_claimer(
            rig, want=lambda: next(room, 0), buffered=lambda: True, take=lambda tasks, at, sent: taken.extend(tasks)
        )
        running = asyncio.ensure_future(claimer.run())
        await asyncio.sleep(1)
        await end(running)

    simulate(main)

    assert len(taken) == 3


def answers_early(rig):
    """Let the store answer at once, whatever a claim would stand by; gives when it was asked."""
    original, times = rig.tasks.claim, []

    async def claim(*args, **kwargs):
        times.append(now())
        assert len(times) < 200, "a busy loop"
        return await original(*args, **{**kwargs, "wait": 0})

    rig.tasks.claim = claim
    return times


def test_a_store_that_answers_early_is_asked_less_and_less_until_it_gives_something(rig, simulate):
    async def main():
        await rig.tasks.open()
        times = answers_early(rig)
        taken = []
        claimer = make_claimer(rig, take=lambda tasks, at, sent: taken.append(len(times)))
        running = asyncio.ensure_future(claimer.run())
        await asyncio.sleep(30)
        idle = len(times)
        await rig.send("any")
        await asyncio.sleep(30)
        await end(running)
        return idle, times[taken[0] + 1] - times[taken[0]]

    idle, pause_after = simulate(main)

    assert 30 <= idle <= 70
    assert pause_after <= 0.01


def test_a_store_that_never_suspends_does_not_keep_the_loop_from_the_tasks(rig, simulate):
    turns, seen = [], []

    async def count():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def main():
        for _ in range(20):
            await rig.send("any")
        counting = asyncio.ensure_future(count())
        claimer = make_claimer(rig, take=lambda tasks, at, sent: seen.append(len(turns)))
        running = asyncio.ensure_future(claimer.run())
        while len(seen) < 20:  # noqa: ASYNC110 - it counts turns of the loop
            await asyncio.sleep(0)
        await end(running)
        await end(counting)

    simulate(main)

    assert len(set(seen)) == 20


@pytest.mark.parametrize("error", [StoreUnavailable, StoreFull, OSError])
def test_a_claimer_outlives_what_a_store_that_is_away_raises(rig, simulate, error):
    taken = []

    def fail():
        rig.ledger.after.clear()
        raise error("away")

    async def main():
        await rig.send("any")
        rig.ledger.after["claim"] = fail
        running = asyncio.ensure_future(make_claimer(rig, take=lambda tasks, at, sent: taken.extend(tasks)).run())
        await asyncio.sleep(5)
        await end(running)

    simulate(main)

    assert [task.fence.attempt for task in taken] == [2]  # the first answer was lost


def test_an_outage_begins_with_short_pauses_however_long_the_last_one_was(rig, simulate):
    original, failed = rig.tasks.claim, []

    async def claim(*args, **kwargs):
        if rig.ledger.down:
            failed[-1].append(now())
        return await original(*args, **kwargs)

    async def main():
        await rig.tasks.open()
        rig.tasks.claim = claim
        running = asyncio.ensure_future(make_claimer(rig).run())
        for _ in range(2):
            failed.append([])
            rig.ledger.down.add("claim")
            await asyncio.sleep(60)
            rig.ledger.down.clear()
            await asyncio.sleep(60)
        await end(running)

    simulate(main)

    for outage in failed:
        assert outage[1] - outage[0] <= 0.1
        assert outage[-1] - outage[-2] > 1


def owing(rig):
    """Lose the answer of the first claim."""

    def lose():
        rig.ledger.after.clear()
        raise StoreUnavailable("the answer is lost")

    rig.ledger.after["claim"] = lose


def test_a_last_abandon_that_is_refused_ends_as_a_cancellation(rig, simulate):
    async def main():
        await rig.send("any")
        owing(rig)
        rig.ledger.down.add("abandon")
        running = asyncio.ensure_future(make_claimer(rig).run())
        await asyncio.sleep(1)
        return await end(running)

    assert simulate(main).cancelled()


def test_a_last_abandon_that_hangs_holds_up_nobody(rig, simulate):
    async def hang(claim_id):
        await asyncio.Event().wait()

    async def main():
        await rig.send("any")
        owing(rig)
        running = asyncio.ensure_future(make_claimer(rig).run())
        rig.tasks.abandon = hang
        await asyncio.sleep(1)
        begun = now()
        async with asyncio.timeout(60):
            await end(running)
        return now() - begun

    assert simulate(main) <= LAST_WORD + 0.01
