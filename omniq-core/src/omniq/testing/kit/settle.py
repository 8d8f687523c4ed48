"""Cases of `settle`: how an attempt ended, written once, with its result."""

from __future__ import annotations

from omniq.models.states import Counter, Reason, State
from omniq.models.values import HOUR, SECOND
from omniq.storage.records import SettleAnswer, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import draft, ending, enqueue, record, settle, states, take, take_one

__all__ = ("SettleCases",)


class SettleCases(Ground):
    """A task ends once; what comes late or twice changes nothing and is told so."""

    async def test_a_success_is_there_with_its_result(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        clock.advance("2s")

        await settle(store, task, result=b"\x00value")

        found = await record(store, task_id, result=True)
        assert (found.state, found.result, found.error, found.reason) == (
            State.SUCCEEDED,
            b"\x00value",
            None,
            None,
        )
        assert (found.finished_at, found.started_at) == (clock(), clock() - 2 * SECOND)
        assert (found.attempt, found.claim_id) == (1, task.fence.claim_id)
        assert (await record(store, task_id)).result is None

    async def test_an_empty_result_is_not_a_missing_one(self, store: BaseTaskQueue) -> None:
        [with_one, without] = await enqueue(store, draft(), draft())
        first, second = (await take(store, 2)).tasks
        await store.settle([ending(first, result=b""), ending(second)])

        assert (await record(store, with_one, result=True)).result == b""
        assert (await record(store, without, result=True)).result is None

    async def test_a_failure_is_there_with_reason_error_and_counter(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())

        await settle(
            store,
            await take_one(store),
            State.FAILED,
            reason=Reason.TIMEOUT,
            error=b"\x00why",
            count=Counter.FAILURES,
        )

        found = await record(store, task_id)
        assert (found.state, found.reason, found.error) == (State.FAILED, Reason.TIMEOUT, b"\x00why")
        assert (found.failures, found.finished_at) == (1, clock())

    async def test_a_return_to_ready_raises_one_counter(self, store: BaseTaskQueue) -> None:
        for counter in Counter:
            [task_id] = await enqueue(store, draft(queue=counter.value))
            await settle(store, await take_one(store, queues=[counter.value]), State.READY, count=counter)

            found = await record(store, task_id)
            assert {other: getattr(found, other.value) for other in Counter} == {
                other: int(other is counter) for other in Counter
            }
            assert (found.state, found.lease_until, found.finished_at) == (State.READY, None, None)

    async def test_a_delay_counts_from_now_and_none_keeps_the_place(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        place = clock()
        clock.advance("3s")

        await settle(store, await take_one(store), State.READY, count=Counter.RELEASES)
        assert (await record(store, task_id)).run_at == place
        await settle(store, await take_one(store), State.READY, count=Counter.SNOOZES, delay=0)
        assert (await record(store, task_id)).run_at == clock()
        await settle(store, await take_one(store), State.READY, count=Counter.FAILURES, delay=SECOND)
        assert (await record(store, task_id)).run_at == clock() + SECOND
        assert (await take(store)).tasks == []
        clock.step(SECOND + 1_000)
        assert (await take_one(store)).fence.attempt == 4

    async def test_a_body_that_was_cancelled_ends_so(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await store.cancel([task_id])

        await settle(store, task, State.CANCELLED)

        assert await states(store, [task_id]) == [State.CANCELLED]

    async def test_the_cancel_flag_turns_a_retry_or_failure_into_cancelled(self, store: BaseTaskQueue) -> None:
        for to in (State.READY, State.FAILED):
            [task_id] = await enqueue(store, draft())
            task = await take_one(store)
            await store.cancel([task_id])
            wanted = ending(task, to, count=Counter.FAILURES, result=b"dropped", delay=0)

            assert await store.settle([wanted]) == [SettleAnswer(task_id, Trouble.CANCELLED)]
            assert await store.settle([wanted]) == [SettleAnswer(task_id, Trouble.CANCELLED)]
            found = await record(store, task_id, result=True)
            assert (found.state, found.result) == (State.CANCELLED, None)

    async def test_success_wins_against_a_cancel(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await store.cancel([task_id])

        await settle(store, task, result=b"value")

        assert (await record(store, task_id, result=True)).result == b"value"

    async def test_the_same_ending_again_is_fine_and_changes_nothing(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        for to in (State.SUCCEEDED, State.FAILED, State.CANCELLED):
            [task_id] = await enqueue(store, draft())
            task = await take_one(store)
            await settle(store, task, to, result=b"v" if to is State.SUCCEEDED else None)
            before = await record(store, task_id, result=True)
            clock.advance("1s")

            await settle(store, task, to, result=b"v" if to is State.SUCCEEDED else None)

            assert await record(store, task_id, result=True) == before, to

    async def test_a_retry_sent_again_is_counted_once(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft())
        retry = ending(await take_one(store), State.READY, count=Counter.FAILURES, delay=SECOND)
        assert await store.settle([retry]) == []
        before = await record(store, task_id)

        assert await store.settle([retry]) == []

        assert await record(store, task_id) == before

    async def test_another_ending_after_the_end_is_answered_done(self, store: BaseTaskQueue) -> None:
        for first, second in (
            (State.SUCCEEDED, State.FAILED),
            (State.FAILED, State.SUCCEEDED),
            (State.SUCCEEDED, State.READY),
            (State.CANCELLED, State.SUCCEEDED),
        ):
            [task_id] = await enqueue(store, draft())
            task = await take_one(store)
            await settle(store, task, first)

            assert await store.settle([ending(task, second)]) == [SettleAnswer(task_id, Trouble.DONE)]
            assert await states(store, [task_id]) == [first]

    async def test_what_went_back_to_ready_is_lost_to_its_old_holder(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await settle(store, task, State.READY, count=Counter.RELEASES)

        assert await store.settle([ending(task)]) == [SettleAnswer(task_id, Trouble.LOST)]
        assert await states(store, [task_id]) == [State.READY]

    async def test_an_old_ending_is_lost_after_a_requeue(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await settle(store, task, State.FAILED)
        await store.requeue([task_id])

        assert await store.settle([ending(task)]) == [SettleAnswer(task_id, Trouble.LOST)]
        await take_one(store)
        assert await store.settle([ending(task)]) == [SettleAnswer(task_id, Trouble.LOST)]
        assert await states(store, [task_id]) == [State.RUNNING]

    async def test_a_batch_is_answered_in_order_for_what_did_not_go_as_asked(self, store: BaseTaskQueue) -> None:
        await enqueue(store, *(draft() for _ in range(4)))
        good, flagged, ended, released = (await take(store, 4)).tasks
        await store.cancel([flagged.fence.task_id])
        await settle(store, ended)
        await settle(store, released, State.READY, count=Counter.RELEASES)

        answers = await store.settle(
            [
                ending(ended, State.FAILED),
                ending(good),
                ending(flagged, State.FAILED),
                ending(released),
                ending(good),
            ]
        )

        assert answers == [
            SettleAnswer(ended.fence.task_id, Trouble.DONE),
            SettleAnswer(flagged.fence.task_id, Trouble.CANCELLED),
            SettleAnswer(released.fence.task_id, Trouble.LOST),
        ]
        assert await states(store, [good.fence.task_id]) == [State.SUCCEEDED]

    async def test_a_hundred_endings_of_one_call_are_all_written(self, store: BaseTaskQueue) -> None:
        written = await enqueue(store, *(draft() for _ in range(100)))
        tasks = (await take(store, 100)).tasks

        assert await store.settle([ending(t, result=t.fence.task_id.encode()) for t in tasks]) == []
        assert await store.settle([]) == []

        found = await store.get(written, result=True)
        assert [one.result for one in found if one is not None] == [one.encode() for one in written]

    async def test_an_ending_may_say_how_long_it_is_kept(self, store: BaseTaskQueue) -> None:
        own, said = await enqueue(store, draft(keep=HOUR), draft(keep=HOUR))
        first, second = (await take(store, 2)).tasks

        await store.settle([ending(first), ending(second, keep=2 * HOUR)])

        assert (await record(store, own)).keep == HOUR
        assert (await record(store, said)).keep == 2 * HOUR

    async def test_a_task_runs_on_under_a_paused_queue(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        task = await take_one(store)
        await store.set_paused(["default"], True)

        await settle(store, task)

        assert await states(store, [task_id]) == [State.SUCCEEDED]

    async def test_a_large_result_survives(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        value = bytes(range(256)) * (min(store.capabilities.max_payload, 256 * 1024) // 256)

        await settle(store, await take_one(store), result=value)

        assert (await record(store, task_id, result=True)).result == value
