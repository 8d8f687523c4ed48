"""Cases of `Settlement.after`: what must follow an ending is created with it, exactly once."""

from __future__ import annotations

from omniq.models.states import Counter, State
from omniq.models.values import SECOND
from omniq.storage.records import SettleAnswer, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import draft, ending, enqueue, ids_of, key, settle, states, take, take_one

__all__ = ("FollowUpCases",)


class FollowUpCases(Ground):
    """A callback is never lost and never doubled, and cannot harm the ending that owed it."""

    async def test_what_follows_is_there_when_settle_has_answered(self, store: BaseTaskQueue) -> None:
        for to in (State.SUCCEEDED, State.FAILED, State.READY):
            await enqueue(store, draft(queue=to.value))
            task = await take_one(store, queues=[to.value])
            after = (draft(queue="cb"), draft(queue="cb", payload=b"second"))

            await settle(store, task, to, after=after, count=Counter.FAILURES if to is State.READY else None)

            assert sorted(ids_of((await take(store, 5, queues=["cb"])).tasks)) == sorted(one.id for one in after)

    async def test_an_ending_sent_again_creates_nothing_again(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        task = await take_one(store)
        callback = draft(queue="cb")
        await settle(store, task, after=(callback,))
        await settle(store, await take_one(store, queues=["cb"]))

        await settle(store, task, after=(callback,))

        assert (await take(store, 5, queues=["cb"])).tasks == []

    async def test_a_lost_or_other_ending_creates_nothing(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await settle(store, task)
        late = draft(queue="cb")

        assert await store.settle([ending(task, State.FAILED, after=(late,))]) == [SettleAnswer(task_id, Trouble.DONE)]
        await enqueue(store, draft())
        task = await take_one(store)
        await store.abandon(task.fence.claim_id)
        assert [one.what for one in await store.settle([ending(task, after=(late,))])] == [Trouble.LOST]
        assert await states(store, [late.id]) == [None]

    async def test_what_should_follow_a_failure_is_dropped_when_cancelled_was_written(
        self, store: BaseTaskQueue
    ) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await store.cancel([task_id])
        callback = draft()

        assert await store.settle([ending(task, State.FAILED, after=(callback,))]) == [
            SettleAnswer(task_id, Trouble.CANCELLED)
        ]
        assert await states(store, [callback.id]) == [None]

    async def test_an_item_that_cannot_be_created_never_fails_the_ending(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        taken = draft(queue="x", unique=key("a"))
        await enqueue(store, taken, draft())
        task = await take_one(store)
        good = draft(queue="cb")
        after = (
            draft(id=taken.id, payload=b"other"),
            draft(unique=key("a"), payload=b"second"),
            draft(insert_before=clock()),
            good,
        )

        await settle(store, task, after=after)

        assert await states(store, [task.fence.task_id, good.id, after[1].id, after[2].id]) == [
            State.SUCCEEDED,
            State.READY,
            None,
            None,
        ]

    async def test_what_follows_may_be_delayed(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        await enqueue(store, draft())
        callback = draft(delay=SECOND)
        await settle(store, await take_one(store), after=(callback,))

        assert (await take(store)).tasks == []
        clock.step(SECOND + 1_000)
        assert ids_of((await take(store)).tasks) == [callback.id]

    async def test_what_follows_may_name_the_task_that_ended(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        callback = draft(parents=(task_id,))

        await settle(store, await take_one(store), after=(callback,))

        assert ids_of((await take(store)).tasks) == [callback.id]
