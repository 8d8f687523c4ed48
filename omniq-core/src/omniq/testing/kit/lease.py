"""Cases of `extend` and `reclaim`: a lease ends, is renewed, or is taken over, and the fence decides."""

from __future__ import annotations

import msgspec

from omniq.models.states import Counter, State
from omniq.models.values import SECOND, new_claim_id, new_id
from omniq.storage.records import MAX_NOTE, ClaimedTask, ExtendAnswer, SettleAnswer, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import (
    LEASE,
    draft,
    ending,
    enqueue,
    hold,
    ids_of,
    record,
    settle,
    states,
    take,
    take_one,
)

__all__ = ("ExtendCases", "ReclaimCases")


def troubles(answers: list[ExtendAnswer]) -> list[tuple[str, Trouble]]:
    """Leave out the answers that only bring a new ref."""
    return [(one.task_id, one.what) for one in answers if one.what is not None]


async def take_over(store: BaseTaskQueue, limit: int = 10, claim_id: int | None = None) -> list[ClaimedTask]:
    return await store.reclaim(
        limit=limit, lease=LEASE, worker="second", claim_id=new_claim_id() if claim_id is None else claim_id
    )


class ExtendCases(Ground):
    """A holder keeps its task as long as it renews, and learns when it has lost it."""

    async def test_a_lease_gets_longer_and_never_shorter(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        clock.advance("5s")

        assert troubles(await store.extend([hold(task)], lease=LEASE)) == []
        assert (await record(store, task_id)).lease_until == clock() + LEASE
        assert troubles(await store.extend([hold(task)], lease=SECOND)) == []
        assert (await record(store, task_id)).lease_until == clock() + LEASE

    async def test_a_renewed_lease_is_not_reclaimed(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        await enqueue(store, draft())
        task = await take_one(store)
        for _ in range(4):
            clock.step(LEASE - SECOND)
            assert troubles(await store.extend([hold(task)], lease=LEASE)) == []

            assert await take_over(store) == []

    async def test_a_lease_that_ran_out_is_renewed_while_nobody_took_over(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        await enqueue(store, draft())
        task = await take_one(store)
        clock.step(3 * LEASE)

        assert troubles(await store.extend([hold(task)], lease=LEASE)) == []
        assert await take_over(store) == []

    async def test_a_batch_tells_the_lost_and_the_cancelled_and_renews_the_rest(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        await enqueue(store, *(draft() for _ in range(4)))
        kept, stop, ended, stranger = (await take(store, 4)).tasks
        await store.cancel([stop.fence.task_id])
        await settle(store, ended)
        forged = msgspec.structs.replace(
            stranger, fence=msgspec.structs.replace(stranger.fence, claim_id=new_claim_id())
        )
        clock.advance("1s")

        answers = await store.extend([hold(one) for one in (ended, kept, forged, stop)], lease=LEASE)

        assert troubles(answers) == [
            (ended.fence.task_id, Trouble.LOST),
            (stranger.fence.task_id, Trouble.LOST),
            (stop.fence.task_id, Trouble.CANCEL),
        ]
        for task, until in ((kept, clock() + LEASE), (stop, clock() + LEASE), (stranger, clock() - SECOND + LEASE)):
            assert (await record(store, task.fence.task_id)).lease_until == until

    async def test_an_old_and_a_new_holder_of_one_task_in_one_call_are_told_apart(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        old = await take_one(store)
        await store.abandon(old.fence.claim_id)
        new = await take_one(store)

        answers = await store.extend([hold(new, b"new"), hold(old, b"old")], lease=LEASE)

        assert troubles(answers) == [(task_id, Trouble.LOST)]
        assert (await record(store, task_id)).note == b"new"
        assert await store.settle([ending(new), ending(old)]) == [SettleAnswer(task_id, Trouble.LOST)]

    async def test_a_task_that_is_gone_is_lost(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        task = await take_one(store)
        await settle(store, task)
        await store.delete([task.fence.task_id])

        assert troubles(await store.extend([hold(task)], lease=LEASE)) == [(task.fence.task_id, Trouble.LOST)]

    async def test_a_note_replaces_the_old_one_and_none_leaves_it(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)

        await store.extend([hold(task, b"\x00" * MAX_NOTE)], lease=LEASE)
        assert (await record(store, task_id)).note == b"\x00" * MAX_NOTE
        await store.extend([hold(task, b"second")], lease=LEASE)
        await store.extend([hold(task)], lease=LEASE)
        assert (await record(store, task_id)).note == b"second"

    async def test_a_note_is_there_for_the_next_attempt(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        task = await take_one(store)
        await store.extend([hold(task, b"cursor 1")], lease=LEASE)
        await settle(store, task, State.READY, count=Counter.FAILURES)

        task = await take_one(store)
        assert task.note == b"cursor 1"
        await settle(store, task, State.READY, count=Counter.RELEASES, note=b"cursor 2")
        assert (await take_one(store)).note == b"cursor 2"

    async def test_a_lost_holder_writes_no_note(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        clock.step(LEASE + 1)
        await take_over(store)

        await store.extend([hold(task, b"stale")], lease=LEASE)

        assert (await record(store, task_id)).note == b""

    async def test_a_companion_renews_what_another_handle_claimed(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        clock.advance("5s")

        async with store.companion() as companion:
            assert troubles(await companion.extend([hold(task)], lease=LEASE)) == []

        assert (await record(store, task_id)).lease_until == clock() + LEASE


class ReclaimCases(Ground):
    """A holder that fell silent loses its task to exactly one other, and can write nothing any more."""

    async def test_a_lease_is_not_reclaimed_before_its_end(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft())
        await take_one(store)

        clock.step(LEASE - 1)
        assert await take_over(store) == []
        clock.step(2)
        assert ids_of(await take_over(store)) == [task_id]

    async def test_the_same_attempt_goes_on_under_a_new_claim(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft(payload=b"big", policy=b"policy"))
        await take_one(store)
        clock.step(LEASE + 1)

        [task] = await take_over(store, claim_id=99)

        assert (task.fence.task_id, task.fence.attempt, task.fence.claim_id) == (task_id, 1, 99)
        assert (task.payload, task.policy) == (b"", b"policy")
        found = await record(store, task_id)
        assert (found.attempt, found.claim_id, found.lease_until) == (1, 99, clock() + LEASE)
        assert (found.failures, found.crashes, found.releases, found.snoozes) == (0, 0, 0, 0)

    async def test_the_silent_holder_can_write_nothing_any_more(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        stale = await take_one(store)
        clock.step(LEASE + 1)
        [task] = await take_over(store)
        lost = [SettleAnswer(task_id, Trouble.LOST)]

        for to in (State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED):
            assert await store.settle([ending(stale, to, result=b"stale")]) == lost, to
        assert troubles(await store.extend([hold(stale)], lease=LEASE)) == [(task_id, Trouble.LOST)]
        await store.abandon(stale.fence.claim_id)
        assert await states(store, [task_id]) == [State.RUNNING]
        await settle(store, task, State.READY, count=Counter.CRASHES)
        assert await store.settle([ending(stale)]) == lost
        assert (await record(store, task_id, result=True)).result is None

    async def test_every_part_of_the_fence_is_checked(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        for change in ({"attempt": 2}, {"attempt": 0}, {"claim_id": task.fence.claim_id ^ 2}):
            forged = msgspec.structs.replace(task, fence=msgspec.structs.replace(task.fence, **change))

            assert await store.settle([ending(forged)]) == [SettleAnswer(task_id, Trouble.LOST)], change
            assert troubles(await store.extend([hold(forged)], lease=LEASE)) == [(task_id, Trouble.LOST)]
        await settle(store, task)

    async def test_a_claim_id_used_again_does_not_revive_an_old_attempt(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        old = await take_one(store, claim_id=7)
        await settle(store, old, State.READY, count=Counter.FAILURES)
        await take_one(store, claim_id=7)

        assert await store.settle([ending(old)]) == [SettleAnswer(task_id, Trouble.LOST)]

    async def test_two_reclaimers_share_and_never_both_get_one(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, *(draft() for _ in range(10)))
        await take(store, 10)
        clock.step(LEASE + 1)

        async with store.companion() as companion:
            given = ids_of(await take_over(store, 6)) + ids_of(await take_over(companion, 6))

        assert sorted(given) == sorted(written)
        assert await take_over(store) == []

    async def test_the_oldest_lease_is_taken_over_first(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, *(draft() for _ in range(3)))
        claimed = []
        for lease in (3 * LEASE, LEASE, 2 * LEASE):
            claimed += ids_of((await take(store, lease=lease)).tasks)
        clock.step(4 * LEASE)

        given = [ids_of(await take_over(store, 1))[0] for _ in written]

        assert given == [claimed[1], claimed[2], claimed[0]]

    async def test_tasks_of_any_queue_are_taken_over_paused_or_not(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        written = await enqueue(store, draft(queue="a"), draft(queue="b"))
        await take(store, 5, queues=["a", "b"])
        await store.set_paused(["a"], True)
        clock.step(LEASE + 1)

        assert sorted(ids_of(await take_over(store))) == sorted(written)

    async def test_the_cancel_flag_comes_along(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft())
        await take_one(store)
        await store.cancel([task_id])
        clock.step(LEASE + 1)

        [task] = await take_over(store)

        assert task.cancel
        assert await store.settle([ending(task, State.READY, count=Counter.CRASHES)]) == [
            SettleAnswer(task_id, Trouble.CANCELLED)
        ]
        assert await states(store, [task_id]) == [State.CANCELLED]

    async def test_a_crashed_task_keeps_its_place_and_counts_one_crash(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        place = (await record(store, task_id)).run_at
        await take_one(store)
        clock.step(LEASE + 1)
        [task] = await take_over(store)

        await settle(store, task, State.READY, count=Counter.CRASHES)

        found = await record(store, task_id)
        assert (found.state, found.crashes, found.run_at) == (State.READY, 1, place)
        assert (await take_one(store)).fence.attempt == 2

    async def test_what_has_ended_or_waits_is_not_reclaimed(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        await enqueue(store, draft(), draft(), draft())
        first, second = (await take(store, 2)).tasks
        await settle(store, first)
        await settle(store, second, State.READY, count=Counter.RELEASES)
        clock.step(10 * LEASE)

        assert await take_over(store) == []

    async def test_an_unknown_task_is_lost(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        task = await take_one(store)
        other = msgspec.structs.replace(task, fence=msgspec.structs.replace(task.fence, task_id=new_id()))

        assert [one.what for one in await store.settle([ending(other)])] == [Trouble.LOST]
