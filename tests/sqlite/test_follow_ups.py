"""What follows an ending is done in pieces where it is much, and nothing of it is lost or done twice."""

import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omniq.models.states import OnParent, State
from omniq.models.values import MINUTE, SECOND
from omniq.storage.records import TOMBSTONE, DeleteAnswer
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import FUSE, draft, ending, enqueue, ids_of, record, settle, states, take, take_one
from omniq_sqlite.tasks import follow_ups
from omniq_sqlite.tasks import queue as queue_module

SCRIPT = Path(__file__).with_name("crashing.py")
CALLBACKS = runpy.run_path(str(SCRIPT))["CALLBACKS"]
MANY = 2_500


@pytest.fixture
def interrupted(monkeypatch):
    """Nobody carries on after a settlement: what a process leaves that ends there."""

    def stop(session):
        return False

    monkeypatch.setattr(queue_module.follow_ups, "carry_on", stop)


@pytest.fixture
async def timed(make, sessions):
    store = make()
    store.clock = VirtualClock()
    async with store:
        yield store


async def family(store, count, **changes):
    """A parent that runs, and its children."""
    [parent] = await enqueue(store, draft(queue="parents"))
    children = await enqueue(store, *(draft(parents=(parent,), queue="kids", **changes) for _ in range(count)))
    return await take_one(store, queues=["parents"]), children


def carried_out_by_the_killed(place, pieces, path):
    done = subprocess.run(
        [sys.executable, SCRIPT, place, str(pieces), path], capture_output=True, text=True, timeout=2 * FUSE
    )
    return done.returncode, done.stderr


async def ready(store):
    return (await store.stats(["kids"]))[0].counts[State.READY]


async def test_a_parent_of_thousands_has_told_all_of_them_when_settle_answers(store):
    parent, children = await family(store, MANY)

    await settle(store, parent)

    assert ids_of((await take(store, 2 * MANY, queues=["kids"])).tasks) == children


async def test_one_transaction_tells_no_more_than_its_budget(store, interrupted):
    parent, _ = await family(store, MANY)

    await settle(store, parent)

    assert await ready(store) == follow_ups.BUDGET


async def test_sweeps_carry_on_what_nobody_finished(store, interrupted):
    parent, children = await family(store, MANY)
    await settle(store, parent)

    told = [await ready(store)]
    while (await store.sweep(10)).more:
        told.append(await ready(store))

    assert told == [1000, 2000]
    assert await states(store, children) == [State.READY] * MANY


async def test_sweeps_name_the_children_that_end_by_what_they_carry_on(store, interrupted):
    parent, children = await family(store, 1_200)
    await settle(store, parent, State.FAILED)

    swept = await store.sweep(10)

    assert len(swept.ended) == 200
    assert {state for _, state in swept.ended} == {State.SKIPPED}
    assert {one for one, _ in swept.ended} < set(children)


async def test_each_piece_is_a_transaction_so_that_others_get_in_between(store, sessions):
    parent, _ = await family(store, 6 * follow_ups.BUDGET)
    ran = []
    sessions[0].connection.set_trace_callback(ran.append)

    await settle(store, parent)

    assert [one for one in ran if one in ("begin immediate", "commit")] == ["begin immediate", "commit"] * 7
    assert await ready(store) == 6 * follow_ups.BUDGET


async def test_who_still_owes_is_neither_deleted_nor_purged(timed, interrupted):
    await enqueue(timed, draft(keep=0))
    parent = await take_one(timed)
    more = tuple(draft(queue="callbacks") for _ in range(1_000))
    await settle(timed, parent, after=CALLBACKS + more)
    assert await timed.delete([parent.fence.task_id]) == [DeleteAnswer.NEEDED]
    timed.clock.step(TOMBSTONE)

    assert [(await timed.sweep(1)).purged for _ in range(2)] == [0, 1]
    assert await states(timed, [one.id for one in CALLBACKS + more]) == [State.READY] * len(CALLBACKS + more)


async def test_a_callback_that_is_sent_late_is_not_late(timed, interrupted):
    await enqueue(timed, draft())
    limit = timed.clock() + MINUTE
    after = [draft(queue="cb", insert_before=limit) for _ in range(1_002)]
    after.append(draft(queue="cb", insert_before=timed.clock()))
    await settle(timed, await take_one(timed), after=tuple(after))
    timed.clock.step(2 * MINUTE)

    while (await timed.sweep(10)).more:
        pass

    assert await states(timed, [one.id for one in after]) == [State.READY] * 1_002 + [None]


async def test_children_hear_of_the_end_that_was_theirs(timed, interrupted):
    """The parent fails and owes word; it is requeued and succeeds before anybody carried it out."""
    parent, children = await family(timed, 1_200, on_parent=OnParent.SKIP)
    name = parent.fence.task_id
    await settle(timed, parent, State.FAILED)
    await timed.requeue([name])
    later = await enqueue(timed, draft(parents=(name,), queue="kids"))
    again = await take_one(timed, queues=["parents"])
    assert await states(timed, later) == [State.WAITING]
    await settle(timed, again)

    while (await timed.sweep(10)).more:
        pass

    assert await states(timed, children + later) == [State.SKIPPED] * 1_200 + [State.READY]


@pytest.mark.parametrize("how", ["success", "failure", "large value", "cancel", "expiry", "another parent"])
async def test_a_parent_that_a_child_needed_goes_when_the_child_has_ended(timed, how):
    other = draft(queue="other")
    [name] = await enqueue(timed, draft(queue="parents", keep=0))
    await enqueue(timed, other)
    child = draft(parents=(name, other.id), queue="kids", ttl=2 * TOMBSTONE if how == "expiry" else None)
    await enqueue(timed, child)
    await settle(timed, await take_one(timed, queues=["parents"]))
    timed.clock.step(TOMBSTONE + SECOND)
    assert (await timed.sweep(10)).purged == 0
    assert await timed.delete([name]) == [DeleteAnswer.NEEDED]

    if how == "another parent":
        await timed.cancel([other.id])
    elif how == "cancel":
        await timed.cancel([child.id])
    elif how == "expiry":
        timed.clock.step(TOMBSTONE)
    else:
        await settle(timed, await take_one(timed, queues=["other"]))
        task = await take_one(timed, queues=["kids"])
        await settle(
            timed,
            task,
            State.FAILED if how == "failure" else State.SUCCEEDED,
            result=bytes(4_000) if how == "large value" else None,
        )

    assert (await timed.sweep(10)).purged == 1
    assert await states(timed, [name]) == [None]


async def test_needed_parents_do_not_stand_in_the_way_of_others(timed):
    for _ in range(20):
        parent, _ = await family(timed, 1)
        await settle(timed, parent, keep=0)
    timed.clock.step(1)
    await enqueue(timed, *(draft(keep=0) for _ in range(20)))
    await timed.settle([ending(task) for task in (await take(timed, 20)).tasks])
    timed.clock.step(TOMBSTONE)

    swept = [await timed.sweep(5) for _ in range(8)]  # each needed one is met once, then it is out of the line
    assert [one.purged for one in swept] == [0, 0, 0, 0, 5, 5, 5, 5]


async def test_parents_of_a_task_that_waits_are_asked_for_each_time_that_its_age_has_doubled(timed, sessions):
    [parent] = await enqueue(timed, draft(delay=100 * MINUTE))
    await enqueue(timed, draft(parents=(parent,)))
    ran = []
    sessions[0].connection.set_trace_callback(ran.append)
    asked = []
    for minute in range(1, 17):
        timed.clock.step(MINUTE)
        ran.clear()
        await timed.sweep(10)
        asked += [minute] * any("left join task p" in one for one in ran)

    assert asked == [1, 2, 4, 8, 16]


async def test_many_parents_are_shown_in_their_order(store):
    parents = await enqueue(store, *(draft(queue="parents") for _ in range(300)))
    named = (*reversed(parents), parents[0])
    [child] = await enqueue(store, draft(parents=named, queue="kids", payload=b"p" * 2_000))

    found = await record(store, child, payload=True)
    assert (found.parents, found.payload) == (named, b"p" * 2_000)
    await store.cancel([child])
    await store.requeue([child])
    assert (await record(store, child)).parents == named
    assert await store.delete([parents[0]]) == [DeleteAnswer.LIVE]


@pytest.mark.parametrize("pieces", [0, 1, 2])
@pytest.mark.parametrize("place", ["before", "inside"])
async def test_a_worker_that_is_killed_between_an_ending_and_what_follows_loses_nothing(make, path, place, pieces):
    async with make() as store:
        good, bad = await enqueue(store, *(draft(queue="parents") for _ in range(2)))
        told = await enqueue(store, *(draft(parents=(good,), queue="kids") for _ in range(MANY)))
        skipped = await enqueue(store, *(draft(parents=(bad,), queue="kids") for _ in range(MANY)))
    assert carried_out_by_the_killed(place, pieces, path) == (-signal.SIGKILL, "")

    async with make() as store:
        assert await states(store, [good, bad]) == [State.SUCCEEDED, State.FAILED]
        left = (await store.stats(["kids"]))[0].counts[State.WAITING]
        assert left >= MANY, "it was killed after the work was done"
        while (await store.sweep(100)).more:
            pass

        assert await states(store, skipped) == [State.SKIPPED] * MANY
        assert ids_of((await take(store, 2 * MANY, queues=["kids"])).tasks) == told
        assert sorted(ids_of((await take(store, 2 * MANY, queues=["callbacks"])).tasks)) == [
            one.id for one in CALLBACKS
        ]


async def test_a_claim_that_expires_a_parent_tells_all_its_children_before_it_answers(timed, monkeypatch):
    """More than one transaction may tell: what was left over was once left to a sweep, and no `next_due` told of it."""
    monkeypatch.setattr(follow_ups, "BUDGET", 2)
    [parent] = await enqueue(timed, draft(ttl=SECOND))
    children = await enqueue(timed, *(draft(parents=(parent,), on_parent=OnParent.RUN) for _ in range(7)))
    timed.clock.step(MINUTE)

    first = await take(timed, 10)
    second = await take(timed, 10)

    assert (first.expired, first.tasks, first.next_due) == ([parent], [], 0)
    assert ids_of(second.tasks) == children


async def test_a_sweep_calls_nobody_expired_who_ends_with_a_parent(timed, monkeypatch):
    monkeypatch.setattr(follow_ups, "BUDGET", 2)
    [parent] = await enqueue(timed, draft(ttl=SECOND))
    children = await enqueue(timed, *(draft(parents=(parent,), ttl=2 * SECOND) for _ in range(7)))
    timed.clock.step(MINUTE)

    more = True
    while more:
        more = (await timed.sweep(3)).more

    assert await states(timed, [parent, *children]) == [State.EXPIRED, *[State.SKIPPED] * 7]
