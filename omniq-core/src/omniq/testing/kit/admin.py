"""Cases of acting from outside: `cancel`, `requeue` and `delete`."""

from __future__ import annotations

from omniq.models.states import Counter, Reason, State
from omniq.models.values import SECOND, new_id
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import (
    LEASE,
    draft,
    end,
    enqueue,
    hold,
    key,
    record,
    settle,
    states,
    take_one,
)

__all__ = ("CancelCases", "RequeueCases")

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class CancelCases(Ground):
    """What waits is cancelled at once; what runs is asked to stop; what has ended stays as it is."""

    async def test_what_waits_is_cancelled_at_once(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, draft(), draft(delay=SECOND))

        assert await store.cancel(written) == [CancelAnswer.CANCELLED] * 2
        assert await store.cancel(written) == [CancelAnswer.CANCELLED] * 2
        found = await record(store, written[0])
        assert (found.state, found.finished_at) == (State.CANCELLED, clock())

    async def test_what_runs_is_asked_to_stop_and_its_holder_told(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)

        assert await store.cancel([task_id]) == [CancelAnswer.REQUESTED]
        assert await store.cancel([task_id]) == [CancelAnswer.REQUESTED]
        found = await record(store, task_id)
        assert (found.state, found.cancel) == (State.RUNNING, True)
        for _ in range(2):
            [answer] = await store.extend([hold(task)], lease=LEASE)
            assert answer.what == "cancel"

    async def test_a_cancel_answers_every_id_in_order(self, store: BaseTaskQueue) -> None:
        done = await end(store, State.SUCCEEDED)
        [runs] = await enqueue(store, draft())
        await take_one(store)
        [waits] = await enqueue(store, draft())

        assert await store.cancel([new_id(), waits, done, runs]) == [
            CancelAnswer.MISSING,
            CancelAnswer.CANCELLED,
            CancelAnswer.FINISHED,
            CancelAnswer.REQUESTED,
        ]
        assert await store.cancel([]) == []
        assert await states(store, [done]) == [State.SUCCEEDED]

    async def test_a_task_that_crashed_under_the_flag_is_cancelled(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        await take_one(store)
        await store.cancel([task_id])
        clock.step(LEASE + 1)
        [task] = await store.reclaim(limit=1, lease=LEASE, worker="second", claim_id=9)

        await settle(store, task, State.CANCELLED)

        assert await states(store, [task_id]) == [State.CANCELLED]

    async def test_a_waiting_child_is_cancelled_at_once(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft())
        [child] = await enqueue(store, draft(parents=(parent,)))

        assert await store.cancel([child]) == [CancelAnswer.CANCELLED]
        await settle(store, await take_one(store))
        assert await states(store, [child]) == [State.CANCELLED]


class RequeueCases(Ground):
    """A task that ended badly starts over, as itself."""

    async def test_a_task_that_ended_badly_starts_over(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft(payload=b"p"))
        await settle(store, await take_one(store), State.READY, count=Counter.CRASHES)
        await settle(
            store,
            await take_one(store),
            State.FAILED,
            count=Counter.FAILURES,
            reason=Reason.EXCEPTION,
            error=b"why",
            note=b"note",
        )
        created = clock()
        clock.advance("1m")

        assert await store.requeue([task_id], delay=SECOND) == [RequeueAnswer.REQUEUED]

        found = await record(store, task_id, result=True)
        assert (found.state, found.attempt, found.epoch, found.cancel) == (State.READY, 2, 1, False)
        assert (found.failures, found.crashes, found.releases, found.snoozes) == (0, 0, 0, 0)
        assert (found.reason, found.error, found.result, found.note) == (None, None, None, b"")
        assert (found.finished_at, found.created_at, found.enqueued_at) == (None, created, clock())
        assert found.run_at == clock() + SECOND
        clock.step(SECOND + 1_000)
        task = await take_one(store)
        assert (task.fence.attempt, task.payload, task.failures) == (3, b"p", 0)

    async def test_a_cancelled_task_loses_its_flag(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await store.cancel([task_id])
        await settle(store, task, State.CANCELLED)

        assert await store.requeue([task_id]) == [RequeueAnswer.REQUEUED]

        task = await take_one(store)
        assert not task.cancel
        await settle(store, task, State.FAILED)

    async def test_a_requeue_answers_every_id_in_order(self, store: BaseTaskQueue) -> None:
        done = await end(store, State.SUCCEEDED)
        failed = await end(store, State.FAILED)
        beaten = await end(store, State.CANCELLED, unique=key("a"))
        [live] = await enqueue(store, draft(unique=key("a")))

        assert await store.requeue([new_id(), live, done, beaten, failed, failed]) == [
            RequeueAnswer.MISSING,
            RequeueAnswer.LIVE,
            RequeueAnswer.SUCCEEDED,
            RequeueAnswer.HELD,
            RequeueAnswer.REQUEUED,
            RequeueAnswer.LIVE,
        ]
        assert await states(store, [done]) == [State.SUCCEEDED]

    async def test_a_finished_task_is_deleted_and_a_live_one_is_not(self, store: BaseTaskQueue) -> None:
        ended = [await end(store, state) for state in ENDED]
        [runs] = await enqueue(store, draft())
        await take_one(store)
        [live] = await enqueue(store, draft())

        assert await store.delete([*ended, live, runs, new_id(), ended[0]]) == [
            *[DeleteAnswer.DELETED] * 3,
            DeleteAnswer.LIVE,
            DeleteAnswer.LIVE,
            DeleteAnswer.MISSING,
            DeleteAnswer.MISSING,
        ]
        assert await states(store, [*ended, live, runs]) == [None] * 3 + [State.READY, State.RUNNING]

    async def test_what_was_expired_or_skipped_starts_over_and_is_deleted_too(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        ended = await enqueue(store, draft(ttl=SECOND))
        ended += await enqueue(store, draft(parents=(await end(store, State.FAILED, queue="x"),)))
        clock.step(SECOND)
        while (await store.sweep(100)).more:
            pass
        await store.sweep(100)

        assert await store.requeue(ended) == [RequeueAnswer.REQUEUED] * len(ended)
        assert set(await states(store, ended)) == {State.READY}
        await store.cancel(ended[1:])
        clock.step(SECOND)
        await store.sweep(100)
        assert await states(store, ended) == [State.EXPIRED, *[State.CANCELLED] * (len(ended) - 1)]
        assert await store.delete(ended) == [DeleteAnswer.DELETED] * len(ended)
        assert set(await states(store, ended)) == {None}

    async def test_a_skipped_task_is_deleted(self, store: BaseTaskQueue) -> None:
        parent = await end(store, State.FAILED)
        [child] = await enqueue(store, draft(parents=(parent,)))

        assert await store.delete([parent, child]) == [DeleteAnswer.DELETED] * 2

    async def test_a_parent_that_a_live_child_names_is_needed(self, store: BaseTaskQueue) -> None:
        parent = await end(store, State.SUCCEEDED)
        [child] = await enqueue(store, draft(parents=(parent,)))

        assert await store.delete([parent]) == [DeleteAnswer.NEEDED]
        await settle(store, await take_one(store))
        assert await store.delete([parent, child]) == [DeleteAnswer.DELETED] * 2

    async def test_a_requeue_does_not_ask_the_parents_again(self, store: BaseTaskQueue) -> None:
        parent = await end(store, State.FAILED)
        [child] = await enqueue(store, draft(parents=(parent,)))
        assert await states(store, [child]) == [State.SKIPPED]

        assert await store.requeue([child]) == [RequeueAnswer.REQUEUED]
        assert (await take_one(store)).fence.task_id == child
