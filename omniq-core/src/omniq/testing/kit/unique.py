"""Cases of unique keys: one holder at a time, freed by what becomes of it and by nothing else."""

from __future__ import annotations

import asyncio

from omniq.models.states import TERMINAL, Counter, State, Until
from omniq.models.values import HOUR, SECOND
from omniq.storage.records import NewTask, Refusal, RequeueAnswer
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import draft, end, enqueue, key, record, settle, states, take, take_one

__all__ = ("UniqueCases",)


def keyed(until: Until = Until.TERMINAL, **changes: object) -> NewTask:
    window = changes.pop("window", 0)
    return draft(unique=key("a", until=until, window=window), **changes)


async def refused(store: BaseTaskQueue, task: NewTask) -> str | None:
    """Enqueue; give the holder's id where the key is held, None where the task was created."""
    answers = await store.enqueue([task])
    if not answers:
        return None
    [answer] = answers
    assert answer.what is Refusal.UNIQUE
    assert answer.holder is not None
    return answer.holder


class UniqueCases(Ground):
    """Whether a key is held follows from its holder's state alone."""

    async def test_a_held_key_names_its_holder_and_writes_nothing(self, store: BaseTaskQueue) -> None:
        holder, other = keyed(), keyed()
        await enqueue(store, holder)

        assert await refused(store, other) == holder.id
        assert await states(store, [other.id]) == [None]

    async def test_of_two_in_one_batch_the_first_wins(self, store: BaseTaskQueue) -> None:
        first, second = keyed(), keyed()

        [answer] = await store.enqueue([first, second])

        assert (answer.index, answer.what, answer.holder) == (1, Refusal.UNIQUE, first.id)

    async def test_other_keys_are_not_touched(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft(unique=key("a")), draft(unique=key("b")), draft())

    async def test_a_key_is_held_until_the_task_has_ended(self, store: BaseTaskQueue) -> None:
        [holder] = await enqueue(store, keyed())
        task = await take_one(store)
        assert await refused(store, keyed()) == holder
        await settle(store, task, State.READY, count=Counter.FAILURES)
        assert await refused(store, keyed()) == holder
        await settle(store, await take_one(store))

        assert await refused(store, keyed()) is None

    async def test_every_ending_frees_the_key(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED):
            await end(store, state, unique=key(state.value))
            await enqueue(store, draft(unique=key(state.value), queue="later"))
        await enqueue(store, draft(unique=key("ttl"), ttl=SECOND, queue="later"))
        clock.advance("2s")
        await store.sweep(100)

        await enqueue(store, draft(unique=key("ttl"), queue="later"))

    async def test_a_key_until_started_is_free_once_the_task_runs(self, store: BaseTaskQueue) -> None:
        [holder] = await enqueue(store, keyed(Until.STARTED))
        assert await refused(store, keyed(Until.STARTED)) == holder
        await take_one(store)

        assert await refused(store, keyed(Until.STARTED)) is None

    async def test_a_retry_does_not_take_a_key_until_started_again(self, store: BaseTaskQueue) -> None:
        [first] = await enqueue(store, keyed(Until.STARTED))
        await settle(store, await take_one(store), State.READY, count=Counter.FAILURES)

        second = keyed(Until.STARTED, payload=b"second")
        assert await refused(store, second) is None

        await settle(store, await take_one(store))
        assert await refused(store, keyed(Until.STARTED)) == second.id
        assert await states(store, [first]) == [State.SUCCEEDED]

    async def test_a_window_is_held_for_its_time_whatever_became_of_the_task(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [holder] = await enqueue(store, keyed(Until.WINDOW, window=10 * SECOND))
        await settle(store, await take_one(store))
        clock.step(10 * SECOND - 1)
        assert await refused(store, keyed(Until.WINDOW, window=10 * SECOND)) == holder
        clock.step(1)

        assert await refused(store, keyed(Until.WINDOW, window=10 * SECOND)) is None

    async def test_a_window_stands_against_keys_of_every_kind(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [holder] = await enqueue(store, keyed(Until.WINDOW, window=10 * SECOND))
        await settle(store, await take_one(store), State.FAILED)
        for until in (Until.TERMINAL, Until.STARTED):
            assert await refused(store, keyed(until)) == holder
            answers = await store.enqueue([draft(), keyed(until), keyed(until, payload=b"other")])
            assert [(one.index, one.holder) for one in answers] == [(1, holder), (2, holder)]
        clock.step(10 * SECOND)

        other = keyed()
        assert await refused(store, other) is None
        assert await refused(store, keyed(Until.WINDOW, window=SECOND)) == other.id
        assert await store.requeue([holder]) == [RequeueAnswer.HELD]

    async def test_a_requeue_does_not_renew_a_window(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [holder] = await enqueue(store, keyed(Until.WINDOW, window=10 * SECOND))
        await settle(store, await take_one(store), State.FAILED)
        clock.step(9 * SECOND)
        assert await store.requeue([holder]) == [RequeueAnswer.REQUEUED]
        clock.step(SECOND)

        assert await refused(store, keyed(Until.WINDOW, window=10 * SECOND)) is None

    async def test_a_requeue_takes_the_key_again_if_it_is_free(self, store: BaseTaskQueue) -> None:
        for until in (Until.TERMINAL, Until.STARTED):
            task = draft(unique=key(until.value, until=until))
            await enqueue(store, task)
            await settle(store, await take_one(store), State.FAILED)

            assert await store.requeue([task.id]) == [RequeueAnswer.REQUEUED]

            assert await refused(store, draft(unique=key(until.value, until=until))) == task.id
            await store.cancel([task.id])

    async def test_a_requeue_against_a_held_key_is_held(self, store: BaseTaskQueue) -> None:
        first = await end(store, State.FAILED, unique=key("a"))
        await enqueue(store, keyed())

        assert await store.requeue([first]) == [RequeueAnswer.HELD]
        assert (await record(store, first)).epoch == 0
        assert await states(store, [first]) == [State.FAILED]

    async def test_a_deleted_holder_holds_nothing(self, store: BaseTaskQueue) -> None:
        first = await end(store, State.SUCCEEDED, unique=key("a"))
        await store.delete([first])

        assert await refused(store, keyed()) is None

    async def test_an_item_refused_for_its_id_takes_no_key(self, store: BaseTaskQueue) -> None:
        taken = draft()
        await enqueue(store, taken)
        [answer] = await store.enqueue([keyed(id=taken.id, payload=b"other")])
        assert answer.what is Refusal.CONFLICT

        assert await refused(store, keyed()) is None

    async def test_an_item_that_is_late_takes_no_key(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [answer] = await store.enqueue([keyed(insert_before=clock())])
        assert answer.what is Refusal.LATE

        assert await refused(store, keyed()) is None

    async def test_of_many_racing_producers_one_wins(self, store: BaseTaskQueue) -> None:
        tasks = [keyed(payload=str(n).encode()) for n in range(32)]
        async with store.companion() as companion:
            holders = await asyncio.gather(
                *(refused(companion if n % 2 else store, task) for n, task in enumerate(tasks))
            )

        [winner] = [task.id for task, holder in zip(tasks, holders, strict=True) if holder is None]
        assert {holder for holder in holders if holder is not None} == {winner}
        assert len((await take(store, 50)).tasks) == 1

    async def test_a_waiting_task_holds_its_key(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft(delay=HOUR))
        for until in (Until.TERMINAL, Until.STARTED):
            task = draft(unique=key(until.value, until=until), parents=(parent,))
            await enqueue(store, task)

            assert await refused(store, draft(unique=key(until.value, until=until))) == task.id

    async def test_a_key_changes_hands_as_often_as_its_holders_end(self, store: BaseTaskQueue) -> None:
        [holder] = await enqueue(store, keyed())
        for _ in range(3):
            await store.cancel([holder])
            assert (await record(store, holder)).state in TERMINAL
            other = keyed()
            assert await refused(store, other) is None
            await store.cancel([other.id])
            assert await store.requeue([holder]) == [RequeueAnswer.REQUEUED]
