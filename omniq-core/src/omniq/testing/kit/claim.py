"""Cases of `claim` and `abandon`: who gets what, in which order, and how an unanswered claim is undone."""

from __future__ import annotations

import asyncio

from omniq.models.states import Counter, State
from omniq.models.values import SECOND, new_claim_id
from omniq.storage.base import Feature
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground, requires
from omniq.testing.kit.words import (
    LEASE,
    draft,
    ending,
    enqueue,
    ids_of,
    record,
    settle,
    states,
    take,
    take_one,
)

__all__ = ("AbandonCases", "ClaimCases")


class ClaimCases(Ground):
    """A ready task is given to one holder at a time, with everything that the holder needs."""

    async def test_an_empty_queue_answers_empty_at_once(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        claimed = await take(store, 10)

        assert (claimed.tasks, claimed.expired, claimed.next_due) == ([], [], None)
        assert claimed.now == clock()

    async def test_a_claimed_task_carries_what_its_holder_needs(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        draft_ = draft(name="a.b:c", queue="q", priority=3, payload=b"\x00p", policy=b"\x01q")
        await enqueue(store, draft_)
        enqueued_at = clock()
        clock.advance("2s")

        task = await take_one(store, queues=["q"], claim_id=77, worker="me")

        assert (task.fence.task_id, task.fence.attempt, task.fence.claim_id) == (draft_.id, 1, 77)
        for field in ("name", "queue", "priority", "payload", "policy"):
            assert getattr(task, field) == getattr(draft_, field), field
        assert (task.failures, task.crashes, task.releases, task.snoozes) == (0, 0, 0, 0)
        assert (task.cancel, task.note, task.enqueued_at) == (False, b"", enqueued_at)
        found = await record(store, draft_.id)
        assert (found.state, found.attempt, found.claim_id, found.worker) == (State.RUNNING, 1, 77, "me")
        assert (found.started_at, found.lease_until) == (clock(), clock() + LEASE)

    async def test_a_running_task_is_not_given_again(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        await take_one(store)

        assert (await take(store)).tasks == []

    async def test_an_attempt_is_counted_at_every_claim(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())

        for attempt in (1, 2, 3):
            task = await take_one(store)
            assert task.fence.attempt == attempt
            await settle(store, task, State.READY, count=Counter.FAILURES)

        assert (await record(store, task_id)).failures == 3

    async def test_a_later_attempt_knows_its_counters(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        for counter in (Counter.FAILURES, Counter.CRASHES, Counter.CRASHES, Counter.RELEASES):
            await settle(store, await take_one(store), State.READY, count=counter)
        await settle(store, await take_one(store), State.READY, count=Counter.SNOOZES)

        task = await take_one(store)

        assert (task.failures, task.crashes, task.releases, task.snoozes) == (1, 2, 1, 1)

    async def test_a_limit_holds_over_all_queues(self, store: BaseTaskQueue) -> None:
        await enqueue(store, *(draft(queue="a") for _ in range(3)), *(draft(queue="b") for _ in range(3)))

        assert len((await take(store, 4, queues=["a", "b"])).tasks) == 4
        assert len((await take(store, 4, queues=["a", "b"])).tasks) == 2

    async def test_queues_are_emptied_in_the_order_of_the_list(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft(queue="a", priority=9), draft(queue="b", priority=0))

        claimed = await take(store, 5, queues=["b", "a"])

        assert [task.queue for task in claimed.tasks] == ["b", "a"]

    async def test_a_queue_that_is_not_asked_for_is_not_touched(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft(queue="a"))

        assert (await take(store, 5, queues=["b", "c"])).tasks == []
        assert await states(store, [task_id]) == [State.READY]

    @requires(Feature.STRICT_ORDER)
    async def test_priority_nine_comes_first_and_zero_last(self, store: BaseTaskQueue) -> None:
        await enqueue(store, *(draft(priority=n) for n in (3, 9, 0, 5, 7, 1, 8, 2, 6, 4)))

        claimed = await take(store, 10)

        assert [task.priority for task in claimed.tasks] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]

    @requires(Feature.STRICT_ORDER)
    async def test_one_claimer_gets_tasks_in_the_order_of_their_enqueue(self, store: BaseTaskQueue) -> None:
        written = []
        for _ in range(5):
            written += await enqueue(store, draft(), draft())

        given = []
        while tasks := (await take(store, 3)).tasks:
            given += ids_of(tasks)

        assert given == written

    @requires(Feature.STRICT_ORDER)
    async def test_an_older_task_comes_before_a_younger_one(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [old] = await enqueue(store, draft())
        clock.advance("1s")
        [young] = await enqueue(store, draft())

        assert ids_of((await take(store, 5)).tasks) == [old, young]

    @requires(Feature.STRICT_ORDER)
    async def test_delayed_tasks_come_in_the_order_of_becoming_due(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        late, soon = await enqueue(store, draft(delay=3 * SECOND), draft(delay=SECOND))
        clock.advance("2s")
        [between] = await enqueue(store, draft())
        clock.advance("2s")

        assert ids_of((await take(store, 5)).tasks) == [soon, between, late]

    @requires(Feature.STRICT_ORDER)
    async def test_a_released_task_keeps_its_place_and_a_retried_one_does_not(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        released, retried, other = await enqueue(store, draft(), draft(), draft())
        first, second = (await take(store, 2)).tasks
        clock.advance("1s")
        await settle(store, first, State.READY, count=Counter.RELEASES)
        await settle(store, second, State.READY, count=Counter.FAILURES, delay=0)

        assert ids_of((await take(store, 5)).tasks) == [released, other, retried]

    async def test_tasks_that_are_not_due_do_not_hide_those_that_are(self, store: BaseTaskQueue) -> None:
        await enqueue(store, *(draft(priority=9, delay=SECOND) for _ in range(50)))
        [task_id] = await enqueue(store, draft(priority=1))

        assert ids_of((await take(store)).tasks) == [task_id]

    async def test_a_paused_queue_gives_nothing_and_others_go_on(self, store: BaseTaskQueue) -> None:
        [paused, other] = await enqueue(store, draft(queue="a"), draft(queue="b"))
        await store.set_paused(["a"], True)

        assert ids_of((await take(store, 5, queues=["a", "b"])).tasks) == [other]
        await store.set_paused(["a"], False)
        assert ids_of((await take(store, 5, queues=["a", "b"])).tasks) == [paused]

    async def test_a_task_past_its_ttl_is_expired_and_never_given(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        dead, alive = await enqueue(store, draft(ttl=SECOND), draft(ttl=SECOND + 1))
        clock.step(SECOND)

        claimed = await take(store, 5)
        swept = await store.sweep(100)

        assert ids_of(claimed.tasks) == [alive]
        assert [*claimed.expired, *(one for one, _ in swept.ended)] == [dead]
        assert await states(store, [dead]) == [State.EXPIRED]

    async def test_a_cancelled_task_is_not_given(self, store: BaseTaskQueue) -> None:
        gone, stays = await enqueue(store, draft(), draft())
        await store.cancel([gone])

        assert ids_of((await take(store, 5)).tasks) == [stays]

    async def test_next_due_is_never_late_by_more_than_a_second(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        await enqueue(store, draft(delay=5 * SECOND), draft(delay=60 * SECOND))

        due = (await take(store)).next_due

        assert due is not None
        assert 0 < due <= 6 * SECOND
        clock.step(5 * SECOND)
        await take_one(store)
        due = (await take(store)).next_due
        assert due is not None
        assert 0 < due <= 56 * SECOND

    async def test_next_due_is_none_where_nothing_is_to_come(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft(), draft(queue="other", delay=SECOND))
        await take_one(store)

        assert (await take(store)).next_due is None

    async def test_no_task_is_given_twice_to_racing_claimers(self, store: BaseTaskQueue) -> None:
        written = await enqueue(store, *(draft() for _ in range(64)))
        companions = [store.companion() for _ in range(4)]
        for companion in companions:
            await companion.open()
        try:
            claims = await asyncio.gather(
                *(take(companions[n % 4], 1 + n % 3) for n in range(32)),
            )
        finally:
            for companion in companions:
                await companion.close()

        given = [task_id for claimed in claims for task_id in ids_of(claimed.tasks)]
        assert len(given) == len(set(given)), "a task was given to two holders"
        while tasks := (await take(store, 100)).tasks:
            given += ids_of(tasks)
        assert sorted(given) == sorted(written)


class AbandonCases(Ground):
    """A claim whose answer was lost leaves no task stranded, whichever of the two arrives first."""

    async def test_an_abandoned_claim_gives_its_tasks_back_at_no_cost(self, store: BaseTaskQueue) -> None:
        written = await enqueue(store, draft(), draft())
        claimed = await take(store, 5, claim_id=7)

        await store.abandon(7)

        for task_id in written:
            found = await record(store, task_id)
            assert (found.state, found.attempt, found.releases) == (State.READY, 1, 1)
            assert (found.failures, found.crashes, found.lease_until) == (0, 0, None)
        assert [one.what for one in await store.settle([ending(task) for task in claimed.tasks])] == [
            "lost",
            "lost",
        ]
        assert sorted(ids_of((await take(store, 5)).tasks)) == sorted(written)

    @requires(Feature.STRICT_ORDER)
    async def test_an_abandoned_task_keeps_its_place(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        first, second = await enqueue(store, draft(), draft())
        await take(store, claim_id=7)
        clock.advance("1s")
        await store.abandon(7)

        assert ids_of((await take(store, 5)).tasks) == [first, second]

    async def test_abandoning_again_or_in_vain_changes_nothing(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        await take(store, claim_id=7)
        await store.abandon(new_claim_id())
        assert await states(store, [task_id]) == [State.RUNNING]

        await store.abandon(7)
        await store.abandon(7)

        assert (await record(store, task_id)).releases == 1

    async def test_abandon_leaves_what_has_ended_or_is_held_by_another_claim(self, store: BaseTaskQueue) -> None:
        ended, held = await enqueue(store, draft(), draft())
        first = await take_one(store, claim_id=7)
        await settle(store, first)
        await take_one(store, claim_id=8)

        await store.abandon(7)

        assert await states(store, [ended, held]) == [State.SUCCEEDED, State.RUNNING]

    async def test_a_claim_that_arrives_after_its_abandon_gives_nothing(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        await store.abandon(7)
        clock.advance("59s")

        assert (await take(store, claim_id=7)).tasks == []
        assert await states(store, [task_id]) == [State.READY]
        assert ids_of((await take(store, claim_id=8)).tasks) == [task_id]
