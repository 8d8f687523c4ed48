"""Cases of time bounds and of `sweep`: what expires, and what is purged when."""

from __future__ import annotations

from omniq.models.states import Counter, State
from omniq.models.values import HOUR, MINUTE, SECOND
from omniq.storage.records import TOMBSTONE, Refusal
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import draft, end, enqueue, ids_of, record, settle, states, take, take_one

__all__ = ("TtlCases",)


async def sweep_all(store: BaseTaskQueue, limit: int = 100) -> tuple[list[tuple[str, State]], int]:
    """Sweep until there is no more; give everything that ended and how many were purged."""
    ended: list[tuple[str, State]] = []
    purged = 0
    for _ in range(1000):
        swept = await store.sweep(limit)
        ended += swept.ended
        purged += swept.purged
        if not swept.more:
            return ended, purged
    raise AssertionError("sweep says for ever that there is more")


class TtlCases(Ground):
    """A ttl bounds the start, never a running body; a finished record lives as long as it was asked to."""

    async def test_a_ready_or_delayed_task_is_expired_by_sweep(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        ready, delayed, at, alive = await enqueue(
            store,
            draft(ttl=SECOND),
            draft(ttl=SECOND, delay=HOUR),
            draft(expires_at=clock() + SECOND),
            draft(ttl=HOUR),
        )
        clock.step(SECOND - 1)
        assert await sweep_all(store) == ([], 0)
        clock.step(1)

        ended, _ = await sweep_all(store)

        assert sorted(ended) == sorted((one, State.EXPIRED) for one in (ready, delayed, at))
        assert await states(store, [ready, delayed, at, alive]) == [State.EXPIRED] * 3 + [State.READY]
        assert (await record(store, ready)).finished_at == clock()
        assert await sweep_all(store) == ([], 0)

    async def test_a_running_task_is_not_ended_by_its_ttl(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft(ttl=SECOND))
        task = await take_one(store)
        clock.advance("2s")

        assert await sweep_all(store) == ([], 0)
        await settle(store, task)
        assert await states(store, [task_id]) == [State.SUCCEEDED]

    async def test_a_retry_after_the_ttl_expires(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft(ttl=SECOND))
        task = await take_one(store)
        clock.advance("2s")
        await settle(store, task, State.READY, count=Counter.FAILURES)

        assert (await take(store)).tasks == []
        await sweep_all(store)
        assert await states(store, [task_id]) == [State.EXPIRED]

    async def test_a_sweep_during_the_run_does_not_forget_the_ttl(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        released, abandoned = await enqueue(store, draft(ttl=SECOND), draft(ttl=SECOND))
        first, second = await take_one(store), await take_one(store)
        assert await sweep_all(store) == ([], 0)
        await settle(store, first, State.READY, count=Counter.RELEASES)
        await store.abandon(second.fence.claim_id)
        clock.advance("1s")

        ended, _ = await sweep_all(store)

        assert sorted(ended) == sorted((one, State.EXPIRED) for one in (released, abandoned))

    async def test_a_paused_queue_expires_its_tasks_too(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft(ttl=SECOND))
        await store.set_paused(["default"], True)
        clock.advance("2s")

        assert await sweep_all(store) == ([(task_id, State.EXPIRED)], 0)

    async def test_a_requeue_counts_the_ttl_anew(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [task_id] = await enqueue(store, draft(ttl=10 * SECOND))
        clock.advance("10s")
        await sweep_all(store)
        await store.requeue([task_id])

        assert (await record(store, task_id)).expires_at == clock() + 10 * SECOND
        clock.advance("9s")
        assert ids_of((await take(store)).tasks) == [task_id]

    async def test_a_finished_record_is_purged_after_its_keep(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        task_id = await end(store, State.SUCCEEDED, keep=HOUR)
        clock.step(HOUR - SECOND)
        await sweep_all(store)
        assert await states(store, [task_id]) == [State.SUCCEEDED]
        clock.step(2 * SECOND)

        assert await sweep_all(store) == ([], 1)
        assert await states(store, [task_id]) == [None]

    async def test_whatever_way_a_task_ended_it_is_purged_after_its_keep(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        ended = [await end(store, state, keep=HOUR) for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED)]
        ended += await enqueue(store, draft(keep=HOUR, parents=(ended[1],)))
        ended += await enqueue(store, draft(keep=HOUR, ttl=SECOND))
        clock.step(SECOND)
        await sweep_all(store)
        assert None not in await states(store, ended)
        clock.step(HOUR)

        assert await sweep_all(store) == ([], len(ended))
        assert set(await states(store, ended)) == {None}

    async def test_every_finished_record_stays_ten_minutes(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        task = draft(keep=0)
        await enqueue(store, task)
        await settle(store, await take_one(store))
        clock.step(TOMBSTONE - SECOND)
        await sweep_all(store)

        assert [one.what for one in await store.enqueue([task])] == [Refusal.KNOWN]

    async def test_live_tasks_are_never_purged(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, draft(keep=0), draft(keep=0, delay=48 * HOUR), draft(keep=0))
        await take_one(store)
        clock.step(24 * HOUR)

        assert await sweep_all(store) == ([], 0)
        assert None not in await states(store, written)

    async def test_a_requeued_task_is_not_purged_by_its_first_end(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        task_id = await end(store, State.FAILED, keep=HOUR)
        clock.step(HOUR // 2)
        await store.requeue([task_id])
        clock.step(HOUR)

        assert await sweep_all(store) == ([], 0)
        assert await states(store, [task_id]) == [State.READY]

    async def test_a_sweep_stops_at_its_limit_and_says_so(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, *(draft(ttl=SECOND) for _ in range(25)))
        clock.advance("2s")

        swept = await store.sweep(10)

        assert swept.more
        assert len(swept.ended) <= 10
        rest, _ = await sweep_all(store, 10)
        assert sorted(one for one, _ in [*swept.ended, *rest]) == sorted(written)

    async def test_a_waiting_task_expires_and_tells_its_children(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [parent] = await enqueue(store, draft(delay=HOUR))
        [child] = await enqueue(store, draft(ttl=MINUTE, parents=(parent,)))
        [grandchild] = await enqueue(store, draft(parents=(child,)))
        clock.step(MINUTE)

        ended, _ = await sweep_all(store)

        assert (child, State.EXPIRED) in ended
        assert await states(store, [parent, child, grandchild]) == [
            State.READY,
            State.EXPIRED,
            State.SKIPPED,
        ]

    async def test_a_parent_is_kept_for_its_live_child(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        parent = await end(store, State.SUCCEEDED, keep=0)
        [child] = await enqueue(store, draft(parents=(parent,), keep=0))
        clock.step(24 * HOUR)
        await sweep_all(store)
        assert await states(store, [parent]) == [State.SUCCEEDED]

        await settle(store, await take_one(store))
        clock.step(24 * HOUR)
        await sweep_all(store)

        assert await states(store, [parent, child]) == [None, None]
