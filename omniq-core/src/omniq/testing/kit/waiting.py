"""Cases of what waits: a claim that stands by, and the wait for an end.

Every one races the wait against the event that ends it, so it holds whichever comes first. The timeouts
around them are fuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from omniq.models.states import Counter, State
from omniq.models.values import HOUR, MILLISECOND, new_id
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import FUSE, draft, end, enqueue, ids_of, settle, take, take_one

__all__ = ("WaitingCases",)

T = TypeVar("T")


async def during(wait: Awaitable[T], event: Callable[[], Awaitable[object]]) -> T:
    """Begin a wait, let the event happen, and give what the wait answered."""
    waiting = asyncio.ensure_future(wait)
    try:
        for _ in range(10):
            await asyncio.sleep(0)
        await event()
        return await asyncio.wait_for(waiting, FUSE)
    finally:
        waiting.cancel()


class WaitingCases(Ground):
    """Who waits is woken by what it waits for, from whatever handle that came, and ends empty otherwise."""

    async def test_a_claim_that_waits_gets_what_is_enqueued_meanwhile(self, store: BaseTaskQueue) -> None:
        async with store.companion() as companion:
            task = draft()

            claimed = await during(take(store, wait=HOUR), lambda: enqueue(companion, task))

        assert ids_of(claimed.tasks) == [task.id]

    async def test_a_claim_that_waits_gets_what_is_released_or_retried(self, store: BaseTaskQueue) -> None:
        for counter, delay in ((Counter.RELEASES, None), (Counter.FAILURES, 0)):
            [task_id] = await enqueue(store, draft(queue=counter.value))
            task = await take_one(store, queues=[counter.value])

            def back(task=task, counter=counter, delay=delay):  # type: ignore[no-untyped-def]
                return settle(store, task, State.READY, count=counter, delay=delay)

            claimed = await during(take(store, queues=[counter.value], wait=HOUR), back)

            assert ids_of(claimed.tasks) == [task_id]

    async def test_a_claim_that_waits_gets_what_is_resumed(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        await store.set_paused(["default"], True)

        claimed = await during(take(store, wait=HOUR), lambda: store.set_paused(["default"], False))

        assert ids_of(claimed.tasks) == [task_id]

    async def test_a_claim_that_waits_gets_what_is_requeued(self, store: BaseTaskQueue) -> None:
        task_id = await end(store, State.FAILED)

        claimed = await during(take(store, wait=HOUR), lambda: store.requeue([task_id]))

        assert ids_of(claimed.tasks) == [task_id]

    async def test_a_claim_in_vain_answers_empty_at_the_end_of_its_wait(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft(queue="other"))

        claimed = await asyncio.wait_for(take(store, wait=20 * MILLISECOND), FUSE)

        assert claimed.tasks == []

    async def test_nothing_is_given_from_a_queue_paused_during_the_wait(self, store: BaseTaskQueue) -> None:
        async def pause_then_enqueue() -> None:
            await store.set_paused(["default"], True)
            await enqueue(store, draft())

        claimed = await during(take(store, wait=50 * MILLISECOND), pause_then_enqueue)

        assert claimed.tasks == []

    async def test_ten_waiting_claims_share_ten_tasks(self, store: BaseTaskQueue) -> None:
        tasks = [draft() for _ in range(10)]

        async def all_claims() -> list[str]:
            claims = await asyncio.gather(*(take(store, wait=HOUR) for _ in range(10)))
            return [task_id for claimed in claims for task_id in ids_of(claimed.tasks)]

        given = await during(all_claims(), lambda: enqueue(store, *tasks))

        assert sorted(given) == sorted(task.id for task in tasks)

    async def test_a_cancelled_wait_takes_no_task_along(self, store: BaseTaskQueue) -> None:
        waiting = asyncio.ensure_future(take(store, wait=HOUR, claim_id=7))
        for _ in range(10):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await store.abandon(7)
        [task_id] = await enqueue(store, draft())

        claimed = await asyncio.wait_for(take(store, wait=HOUR), FUSE)

        assert ids_of(claimed.tasks) == [task_id]

    async def test_what_has_ended_or_is_unknown_is_answered_at_once_in_order(self, store: BaseTaskQueue) -> None:
        done, failed, unknown = await end(store, State.SUCCEEDED), await end(store, State.FAILED), new_id()
        [live] = await enqueue(store, draft())

        asked = [live, failed, unknown, done]
        assert await asyncio.wait_for(store.wait_finished(asked, timeout=HOUR), FUSE) == [
            failed,
            unknown,
            done,
        ]
        assert await store.wait_finished([live], timeout=0) == []

    async def test_the_wait_for_an_end_is_woken_by_it(self, store: BaseTaskQueue) -> None:
        for to in (State.SUCCEEDED, State.FAILED):
            first, _ = await enqueue(store, draft(), draft(delay=HOUR))
            task = await take_one(store)
            async with store.companion() as companion:
                ended = await during(
                    companion.wait_finished([first], timeout=HOUR),
                    lambda task=task, to=to: settle(store, task, to),  # type: ignore[misc]
                )

            assert ended == [first]

    async def test_the_wait_for_an_end_is_woken_by_a_cancel(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())

        ended = await during(store.wait_finished([task_id], timeout=HOUR), lambda: store.cancel([task_id]))

        assert ended == [task_id]

    async def test_the_wait_for_an_end_in_vain_answers_empty(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())

        assert await asyncio.wait_for(store.wait_finished([task_id], timeout=20 * MILLISECOND), FUSE) == []

    async def test_closing_a_handle_ends_its_waiters_empty(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft(queue="other"))
        companion = store.companion()
        await companion.open()

        async def both() -> tuple[object, list[str]]:
            claimed, ended = await asyncio.gather(
                take(companion, wait=HOUR), companion.wait_finished([task_id], timeout=HOUR)
            )
            return claimed.tasks, ended

        assert await during(both(), companion.close) == ([], [])
