"""Plain successes take a shorter way, and nobody can tell from the answers."""

import pytest

from omniq.models.states import State
from omniq.storage.records import Trouble
from omniq.testing.kit.words import LEASE, draft, ending, enqueue, record, settle, states, take, take_one
from omniq_sqlite.schema import INLINE


async def test_the_error_of_a_retried_attempt_is_gone_after_a_success(store):
    [task] = await enqueue(store, draft())
    await settle(store, await take_one(store), State.READY, error=b"boom")
    assert (await record(store, task)).error == b"boom"

    await settle(store, await take_one(store))

    assert (await record(store, task)).error is None


async def test_of_two_endings_of_one_attempt_in_one_call_the_first_counts(store):
    [task] = await enqueue(store, draft())
    claimed = await take_one(store)

    answers = await store.settle([ending(claimed, result=b"first"), ending(claimed, result=b"second")])

    assert answers == []
    assert (await record(store, task, result=True)).result == b"first"


async def test_one_lost_success_among_many_is_answered_alone(store):
    await enqueue(store, *[draft() for _ in range(20)])
    claimed = (await take(store, 20)).tasks
    await settle(store, claimed[7], State.FAILED)

    answers = await store.settle([ending(one, result=b"value") for one in claimed])

    assert [(one.task_id, one.what) for one in answers] == [(claimed[7].fence.task_id, Trouble.DONE)]
    assert [(await record(store, one.fence.task_id)).state for one in claimed].count(State.SUCCEEDED) == 19


@pytest.mark.parametrize("size", [0, INLINE, INLINE + 1, 200_000])
async def test_values_of_any_size_come_back_whole(store, size):
    [task] = await enqueue(store, draft(payload=b"p" * size))
    claimed = await take_one(store)

    await settle(store, claimed, result=b"r" * size)

    assert claimed.payload == b"p" * size
    found = await record(store, task, payload=True, result=True)
    assert (found.payload, found.result) == (b"p" * size, b"r" * size)


async def test_a_state_that_no_ending_has_is_refused_before_anything_is_written(store):
    [task, _] = await enqueue(store, draft(), draft())
    first, second = (await take(store, 2)).tasks

    with pytest.raises(ValueError, match="waiting"):
        await store.settle([ending(first), ending(second, State.WAITING)])

    assert (await record(store, task)).state is State.RUNNING


async def test_a_reclaim_under_an_abandoned_id_takes_nothing(store):
    await enqueue(store, draft())
    await take_one(store, lease=0)
    await store.abandon(99)

    assert await store.reclaim(limit=1, lease=LEASE, worker="kit", claim_id=99) == []
    assert len(await store.reclaim(limit=1, lease=LEASE, worker="kit", claim_id=98)) == 1


async def test_a_priority_of_another_lane_is_refused_before_anything_is_written(store):
    await enqueue(store, draft())
    task = await take_one(store)
    good, bad = draft(), draft(priority=10)

    with pytest.raises(ValueError, match="priority 10"):
        await store.enqueue([good, bad])
    with pytest.raises(ValueError, match="priority 10"):
        await store.settle([ending(task, after=(bad,))])

    assert await states(store, [good.id, bad.id, task.fence.task_id]) == [None, None, State.RUNNING]


async def test_one_parent_among_many_plain_successes_is_written_with_them(store):
    plain = await enqueue(store, *(draft() for _ in range(20)))
    [parent] = await enqueue(store, draft())
    [child] = await enqueue(store, draft(parents=(parent,), queue="kids"))
    claimed = (await take(store, 21)).tasks
    await store.abandon(claimed[3].fence.claim_id)
    again = (await take(store, 21)).tasks

    lost = await store.settle([ending(one, result=b"old") for one in claimed])
    answers = await store.settle([ending(one, result=b"new") for one in again])

    assert ([one.what for one in lost], answers) == ([Trouble.LOST] * 21, [])
    assert await states(store, [*plain, parent, child]) == [State.SUCCEEDED] * 21 + [State.READY]
