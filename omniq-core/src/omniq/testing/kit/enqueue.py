"""Cases of `enqueue`: what is written, and why something is not."""

from __future__ import annotations

import asyncio

import msgspec

from omniq.models.states import State
from omniq.models.values import HOUR, SECOND, new_id
from omniq.storage.base import Feature
from omniq.storage.records import EnqueueAnswer, Refusal, Where
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import PROJECT, Factory, Ground, requires
from omniq.testing.kit.words import draft, enqueue, ids_of, key, record, settle, states, take, take_one

__all__ = ("EnqueueCases",)

LARGEST = 1 << 20


class EnqueueCases(Ground):
    """An accepted task is there, once, as it was given; a refused one left nothing."""

    async def test_what_was_created_is_not_answered(self, store: BaseTaskQueue) -> None:
        assert await store.enqueue([draft(), draft()]) == []
        assert await store.enqueue([]) == []

    async def test_a_task_reads_back_as_it_was_written(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        task = draft(
            name="shop.mail:send",
            queue="mail-1",
            priority=7,
            payload=bytes(range(256)),
            policy=b"\x00\xffpolicy",
            keep=HOUR,
            tags=("grün", "it's", 'a "b"', "*"),
            ttl=HOUR,
        )
        await enqueue(store, task)

        found = await record(store, task.id, payload=True)

        for field in ("id", "name", "queue", "priority", "payload", "policy", "digest", "keep", "tags"):
            assert getattr(found, field) == getattr(task, field), field
        assert (found.state, found.attempt, found.epoch, found.cancel) == (State.READY, 0, 0, False)
        assert (found.failures, found.crashes, found.releases, found.snoozes) == (0, 0, 0, 0)
        assert found.created_at == found.enqueued_at == found.run_at == clock()
        assert found.expires_at == clock() + HOUR
        assert (found.started_at, found.finished_at, found.lease_until) == (None, None, None)

    async def test_the_largest_declared_payload_survives(self, store: BaseTaskQueue) -> None:
        size = min(store.capabilities.max_payload, LARGEST)
        task = draft(payload=b"\x00\xfe" * (size // 2) + b"x" * (size % 2))
        await enqueue(store, task)

        assert (await take_one(store)).payload == task.payload

    async def test_the_same_task_again_is_known_with_its_state(self, store: BaseTaskQueue) -> None:
        task = draft()
        await enqueue(store, task)
        known = EnqueueAnswer(index=0, id=task.id, what=Refusal.KNOWN, state=State.READY)

        assert await store.enqueue([task]) == [known]
        claimed = await take_one(store)
        assert await store.enqueue([task]) == [msgspec.structs.replace(known, state=State.RUNNING)]
        await settle(store, claimed)
        assert await store.enqueue([task]) == [msgspec.structs.replace(known, state=State.SUCCEEDED)]
        assert (await take(store)).tasks == []

    async def test_the_same_id_with_other_content_is_a_conflict(self, store: BaseTaskQueue) -> None:
        task = draft(payload=b"first")
        await enqueue(store, task)
        other = draft(id=task.id, payload=b"second")

        [answer] = await store.enqueue([other])

        assert (answer.index, answer.id, answer.what) == (0, task.id, Refusal.CONFLICT)
        assert (await record(store, task.id, payload=True)).payload == b"first"

    async def test_equal_items_in_one_batch_are_one_task(self, store: BaseTaskQueue) -> None:
        task, other = draft(), draft()

        [answer] = await store.enqueue([task, other, task])

        assert (answer.index, answer.id, answer.what) == (2, task.id, Refusal.KNOWN)
        assert sorted(ids_of((await take(store, 5)).tasks)) == sorted([task.id, other.id])

    async def test_a_refused_item_does_not_touch_its_neighbours(self, store: BaseTaskQueue) -> None:
        known = draft()
        await enqueue(store, known)
        before, after = draft(), draft()

        answers = await store.enqueue([before, known, after, draft(id=known.id, payload=b"other")])

        assert [(one.index, one.what) for one in answers] == [(1, Refusal.KNOWN), (3, Refusal.CONFLICT)]
        assert await states(store, [before.id, after.id]) == [State.READY, State.READY]

    async def test_a_batch_repeated_after_a_lost_reply_changes_nothing(self, store: BaseTaskQueue) -> None:
        batch = [draft() for _ in range(10)]
        await enqueue(store, *batch)

        answers = await store.enqueue(batch)

        assert [(one.index, one.what) for one in answers] == [(n, Refusal.KNOWN) for n in range(10)]
        assert len((await take(store, 50)).tasks) == 10

    async def test_a_thousand_tasks_of_one_call_are_all_there(self, store: BaseTaskQueue) -> None:
        batch = [draft(payload=str(n).encode()) for n in range(1000)]
        assert await store.enqueue(batch, fresh=True) == []

        given = []
        while tasks := (await take(store, 250)).tasks:
            given += ids_of(tasks)

        assert sorted(given) == sorted(task.id for task in batch)

    async def test_a_delayed_task_is_not_given_before_its_time(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        by_delay, by_time = draft(delay=10 * SECOND), draft(run_at=clock() + 10 * SECOND)
        await enqueue(store, by_delay, by_time)

        assert (await take(store, 5)).tasks == []
        clock.step(10 * SECOND - 1)
        assert (await take(store, 5)).tasks == []
        clock.step(1_000)
        assert sorted(ids_of((await take(store, 5)).tasks)) == sorted([by_delay.id, by_time.id])

    async def test_a_time_that_is_past_means_now(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        task = draft(run_at=clock() - HOUR)
        await enqueue(store, task)

        assert (await record(store, task.id)).run_at == clock()
        assert ids_of((await take(store)).tasks) == [task.id]

    async def test_at_its_insert_before_a_task_is_late_and_not_written(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        early, late = draft(insert_before=clock() + SECOND), draft(insert_before=clock() + SECOND)
        await enqueue(store, early)
        clock.step(SECOND)

        [answer] = await store.enqueue([late])

        assert (answer.index, answer.id, answer.what) == (0, late.id, Refusal.LATE)
        assert await states(store, [early.id, late.id]) == [State.READY, None]

    async def test_a_known_task_stays_known_past_its_insert_before(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        task = draft(insert_before=clock() + SECOND)
        await enqueue(store, task)
        clock.step(SECOND)

        assert [one.what for one in await store.enqueue([task])] == [Refusal.KNOWN]

    async def test_a_held_key_is_told_before_lateness_and_a_known_id_before_its_key(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        holder = draft(unique=key("a"))
        await enqueue(store, holder)

        answers = await store.enqueue([holder, draft(unique=key("a"), insert_before=clock())])

        assert [one.what for one in answers] == [Refusal.KNOWN, Refusal.UNIQUE]

    async def test_ten_calls_in_flight_stay_atomic_each(self, store: BaseTaskQueue) -> None:
        known = draft()
        await enqueue(store, known)
        calls = [[draft(), draft()] for _ in range(9)]
        bad = [draft(id=known.id, payload=b"other"), draft()]

        answers = await asyncio.gather(*(store.enqueue(call) for call in (*calls[:4], bad, *calls[4:])))

        assert [[one.what for one in answer] for answer in answers] == ([[]] * 4 + [[Refusal.CONFLICT]] + [[]] * 5)
        written = [task.id for call in calls for task in call] + [bad[1].id]
        assert await states(store, written) == [State.READY] * 19

    async def test_two_projects_of_one_place_do_not_see_each_other(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        other = factory(f"{PROJECT}-other")
        other.clock = clock
        task = draft(unique=key("a"))
        async with other:
            await enqueue(store, task)

            assert (await take(other)).tasks == []
            assert await other.get([task.id]) == [None]
            assert (await other.list(Where())).items == []
            await enqueue(other, task)
            assert await store.cancel([task.id]) == ["cancelled"]
            assert await states(other, [task.id]) == [State.READY]

    @requires(Feature.STRICT_ORDER)
    async def test_a_retry_of_half_a_batch_keeps_the_order_of_its_first_call(self, store: BaseTaskQueue) -> None:
        first, second, third = (draft(id=new_id()) for _ in range(3))
        await enqueue(store, first, second)
        await store.enqueue([first, second, third])

        assert ids_of((await take(store, 5)).tasks) == [first.id, second.id, third.id]
