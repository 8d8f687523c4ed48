"""A full server takes no tasks and lets those that it has come to an end."""

import pytest

from omniq.errors import StoreFull
from omniq.models.states import Counter, State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.records import CancelAnswer
from omniq.testing.kit.words import LEASE, draft, ending, enqueue, hold, record, states, take


@pytest.fixture
async def store(own_server, make):
    async with make(own_server(maxmemory_policy="noeviction").url) as store:
        yield store


async def fill(store):
    """Let there be less memory than is in use."""
    await store._client.command(b"CONFIG", b"SET", b"maxmemory", b"1")


async def test_an_enqueue_is_refused_with_the_way_out_and_writes_nothing(store):
    await fill(store)
    lone, batch, keyed = draft(), [draft() for _ in range(3)], draft(delay=SECOND)

    for tasks in ([lone], batch, [keyed]):
        with pytest.raises(StoreFull, match=r"is full \(maxmemory is reached\).*Raise maxmemory"):
            await store.enqueue(tasks)

    assert set(await states(store, [one.id for one in (lone, keyed, *batch)])) == {None}
    assert await store.stats() == []


async def test_what_runs_is_renewed_cancelled_and_settled_with_its_result(store):
    await enqueue(store, *(draft() for _ in range(5)))
    done, failed, again, stopped, plain = (await take(store, 5)).tasks
    await fill(store)

    assert await store.extend([hold(done, b"half way")], lease=LEASE) == []
    assert await store.cancel([stopped.fence.task_id]) == [CancelAnswer.REQUESTED]
    assert await store.settle([ending(plain, result=b"v" * 5000)]) == []
    answers = await store.settle(
        [
            ending(done, result=b"value", keep=SECOND),
            ending(failed, State.FAILED, error=b"why"),
            ending(again, State.READY, count=Counter.FAILURES, delay=SECOND, after=(draft(queue="callback"),)),
            ending(stopped, State.FAILED),
        ]
    )

    assert [one.task_id for one in answers] == [stopped.fence.task_id]
    assert (await record(store, plain.fence.task_id, result=True)).result == b"v" * 5000
    assert await states(store, [one.fence.task_id for one in (done, failed, again, stopped)]) == [
        State.SUCCEEDED,
        State.FAILED,
        State.READY,
        State.CANCELLED,
    ]


async def test_what_is_queued_is_drained_watched_and_swept(store, make):
    written = await enqueue(store, *(draft() for _ in range(3)))
    await fill(store)

    assert await store.wait_finished(written, timeout=1000) == []
    claimed = await take(store, 2)
    await store.abandon(claimed.tasks[0].fence.claim_id)
    claimed = await take(store, 3)
    assert await store.settle([ending(one) for one in claimed.tasks]) == []
    await store.set_paused(["default"], True)
    await store.sweep(100)
    assert await store.reclaim(limit=1, lease=LEASE, worker="w", claim_id=new_claim_id()) == []

    assert await states(store, written) == [State.SUCCEEDED] * 3


async def test_a_full_server_can_be_opened(store, make, own_server):
    await fill(store)

    async with make(f"redis://127.0.0.1:{store._client.connector.place.port}/0") as other:
        assert await other.stats() == []
