"""Cases of bad weather: requests and replies that get lost, come twice or come late.

Every operation may be repeated but `claim`. Each case makes a call once in one project, and several times under
faults in another, and everything that can be read of the two must be the same. What comes late meets a world that
has moved on, and is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from omniq.errors import StoreUnavailable
from omniq.models.states import Counter, Reason, State
from omniq.models.values import HOUR, MINUTE, SECOND
from omniq.storage.records import TOMBSTONE, NewTask, Refusal, Trouble, Where
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.faults import FaultyStore
from omniq.testing.kit.ground import PROJECT, Factory, Ground
from omniq.testing.kit.words import (
    LEASE,
    draft,
    ending,
    enqueue,
    hold,
    ids_of,
    key,
    record,
    settle,
    states,
    take,
    take_one,
)

__all__ = ("RepeatCases",)

Act = Callable[[BaseTaskQueue, Callable[..., Awaitable[Any]]], Awaitable[None]]
"""Prepares a store and makes the call in question through the second argument: operation, arguments."""


async def seen(store: BaseTaskQueue, tasks: Sequence[NewTask]) -> Any:
    """Read all that can be read."""
    records = await store.get([one.id for one in tasks], payload=True, result=True)
    listed = sorted([one.id for one in (await store.list(Where())).items])
    kv = [(one.key, one.value, one.due) for one in (await store.kv_list("ns"))[0]]
    return records, listed, await store.stats(), kv


class RepeatCases(Ground):
    """A call that was repeated leaves what one call leaves; one that came late leaves nothing."""

    async def alike(
        self,
        store: BaseTaskQueue,
        factory: Factory[BaseTaskQueue],
        clock: VirtualClock,
        tasks: Sequence[NewTask],
        act: Act,
    ) -> None:
        """Act once in a twin project and in bad weather here; compare what is left."""
        twin = factory(f"{PROJECT}-twin")
        twin.clock = clock
        async with twin:

            async def once(operation: str, *args: Any, **kwargs: Any) -> Any:
                return await getattr(twin, operation)(*args, **kwargs)

            began = clock()
            await act(twin, once)
            spent = clock() - began
            expected = await seen(twin, tasks)
        assert spent == 0, "an act leaves the clock alone: both projects live under it"
        await act(store, FaultyStore(store).repeated)

        assert await seen(store, tasks) == expected

    async def test_an_enqueue_in_bad_weather_writes_each_task_once(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        first = draft(unique=key("a"), tags=("x",), ttl=HOUR)
        tasks = [first, draft(unique=key("a"), payload=b"second"), draft(delay=MINUTE), first]
        tasks.append(draft(parents=(first.id,)))

        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            answers = await call("enqueue", tasks)
            assert Refusal.UNIQUE in {one.what for one in answers}

        await self.alike(store, factory, clock, tasks, act)

    async def test_a_claim_whose_answer_was_lost_is_undone_and_strands_no_task(self, store: BaseTaskQueue) -> None:
        written = await enqueue(store, draft(), draft())
        faulty = FaultyStore(store)
        for claim_id, lose in ((7, faulty.refuse), (8, faulty.drop_reply)):
            lose("claim")
            with pytest.raises(StoreUnavailable):
                await take(faulty, 5, claim_id=claim_id)
            await faulty.repeated("abandon", claim_id)

            assert await states(store, written) == [State.READY] * 2

        assert sorted(ids_of((await take(faulty, 5)).tasks)) == sorted(written)
        assert [(await record(store, one)).releases for one in written] == [1, 1]

    async def test_a_claim_that_arrives_after_its_abandon_takes_nothing_along(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        faulty = FaultyStore(store)
        with faulty.delay("claim") as asked:
            late = asyncio.ensure_future(take(faulty, claim_id=7))
            await asked.wait()
            await store.abandon(7)

        assert (await late).tasks == []
        assert await states(store, [task_id]) == [State.READY]

    async def test_an_extend_in_bad_weather_lengthens_once_and_keeps_the_last_note(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        tasks = [draft(), draft()]

        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            await enqueue(store, *tasks)
            first, second = (await take(store, 2, claim_id=7)).tasks
            await store.cancel([second.fence.task_id])
            answers = await call("extend", [hold(first, b"note"), hold(second)], lease=2 * LEASE)
            assert [one.what for one in answers if one.what] == [Trouble.CANCEL]

        await self.alike(store, factory, clock, tasks, act)

    async def test_a_settle_in_bad_weather_ends_each_task_once_and_answers_the_same(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        tasks = [draft() for _ in range(6)]
        callback = draft(queue="cb")

        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            await enqueue(store, *tasks)
            claimed = {one.fence.task_id: one for one in (await take(store, 6, claim_id=7)).tasks}
            good, bad, again, stopped, flagged, later = (claimed[one.id] for one in tasks)
            await store.cancel([flagged.fence.task_id])
            answers = await call(
                "settle",
                [
                    ending(good, result=b"v", after=(callback,)),
                    ending(bad, State.FAILED, reason=Reason.EXCEPTION, error=b"why", count=Counter.FAILURES),
                    ending(again, State.READY, count=Counter.FAILURES, delay=SECOND),
                    ending(stopped, State.CANCELLED),
                    ending(flagged, State.READY, count=Counter.FAILURES),
                    ending(later, State.READY, count=Counter.RELEASES, note=b"note"),
                ],
            )
            assert [(one.task_id, one.what) for one in answers] == [(flagged.fence.task_id, Trouble.CANCELLED)]

        await self.alike(store, factory, clock, [*tasks, callback], act)

    async def test_a_settle_of_plain_successes_in_bad_weather_does_too(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        tasks = [draft(unique=key(str(n))) for n in range(5)]

        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            await enqueue(store, *tasks)
            claimed = (await take(store, 5, claim_id=7)).tasks
            assert await call("settle", [ending(one, result=b"v") for one in claimed]) == []

        await self.alike(store, factory, clock, tasks, act)

    async def test_a_reclaim_whose_answer_was_lost_strands_no_task(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        written = await enqueue(store, draft(), draft())
        await take(store, 2)
        clock.step(LEASE + 1)
        faulty = FaultyStore(store)
        for lose in (faulty.refuse, faulty.drop_reply):
            lose("reclaim")
            with suppress(StoreUnavailable):
                await faulty.reclaim(limit=5, lease=LEASE, worker="second", claim_id=8)
        clock.step(LEASE + 1)

        tasks = await faulty.reclaim(limit=5, lease=LEASE, worker="third", claim_id=9)

        assert sorted(ids_of(tasks)) == sorted(written)
        assert [one.fence.attempt for one in tasks] == [1, 1]

    async def test_cancel_requeue_and_delete_in_bad_weather_act_once(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        waits, runs, failed, done = (draft(payload=str(n).encode(), queue=f"q{n}") for n in range(4))
        tasks = [waits, runs, failed, done]

        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            await enqueue(store, *tasks)
            await take(store, queues=["q1"], claim_id=7)
            await settle(store, await take_one(store, queues=["q2"], claim_id=8), State.FAILED, error=b"why")
            await settle(store, await take_one(store, queues=["q3"], claim_id=9))
            await call("cancel", [waits.id, runs.id, done.id])
            await call("requeue", [failed.id, done.id, runs.id], delay=SECOND)
            await call("delete", [done.id, runs.id])

        await self.alike(store, factory, clock, tasks, act)

    async def test_a_pause_in_bad_weather_holds_and_a_resume_lifts_it(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        tasks = [draft(queue="a"), draft(queue="b")]

        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            await enqueue(store, *tasks)
            await call("set_paused", ["a", "b"], True)
            await call("set_paused", ["b"], False)
            assert ids_of((await take(store, 5, queues=["a", "b"], claim_id=7)).tasks) == [tasks[1].id]

        await self.alike(store, factory, clock, tasks, act)

    async def test_a_sweep_in_bad_weather_ends_and_purges_once(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [mortal, live] = await enqueue(store, draft(ttl=SECOND), draft())
        old = draft(keep=0, queue="old")
        await enqueue(store, old)
        await settle(store, await take_one(store, queues=["old"]))
        clock.step(TOMBSTONE)

        await FaultyStore(store).repeated("sweep", 100)

        assert await states(store, [mortal, live, old.id]) == [State.EXPIRED, State.READY, None]

    async def test_kv_in_bad_weather_takes_its_own_lost_reply_for_an_answer(
        self, store: BaseTaskQueue, factory: Factory[BaseTaskQueue], clock: VirtualClock
    ) -> None:
        async def act(store: BaseTaskQueue, call: Callable[..., Awaitable[Any]]) -> None:
            first = await call("kv_put", "ns", "k", b"1", expect=0, due=clock())
            assert first is not None
            assert await call("kv_put", "ns", "k", b"2", expect=first) is not None
            gone = await call("kv_put", "ns", "gone", b"", expect=0)
            assert await call("kv_delete", "ns", "gone", expect=gone)

        await self.alike(store, factory, clock, [], act)

    async def test_reading_changes_nothing(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        task = draft()
        await enqueue(store, task)
        faulty = FaultyStore(store)
        before = await seen(store, [task])
        for operation, args in (
            ("get", ([task.id],)),
            ("list", (Where(),)),
            ("stats", (["default"],)),
            ("kv_get", ("ns", "k")),
            ("kv_list", ("ns",)),
            ("kv_due", ("ns",)),
        ):
            assert await faulty.repeated(operation, *args) == await getattr(store, operation)(*args), operation
        assert await faulty.repeated("wait_finished", [task.id], timeout=0) == []

        assert await seen(store, [task]) == before

    async def test_a_settle_that_arrives_after_a_takeover_is_lost(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        stale = await take_one(store)
        faulty = FaultyStore(store)
        with faulty.delay("settle") as asked:
            late = asyncio.ensure_future(faulty.settle([ending(stale, result=b"stale")]))
            await asked.wait()
            clock.step(LEASE + 1)
            [task] = await store.reclaim(limit=1, lease=LEASE, worker="second", claim_id=9)

        assert [one.what for one in await late] == [Trouble.LOST]
        assert (await record(store, task_id)).claim_id == task.fence.claim_id
        await settle(store, task, result=b"right")
        assert (await record(store, task_id, result=True)).result == b"right"

    async def test_an_extend_that_arrives_after_a_takeover_is_lost(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [task_id] = await enqueue(store, draft())
        stale = await take_one(store)
        faulty = FaultyStore(store)
        with faulty.delay("extend") as asked:
            late = asyncio.ensure_future(faulty.extend([hold(stale, b"stale")], lease=HOUR))
            await asked.wait()
            clock.step(LEASE + 1)
            await store.reclaim(limit=1, lease=LEASE, worker="second", claim_id=9)

        assert [one.what for one in await late] == [Trouble.LOST]
        found = await record(store, task_id)
        assert (found.lease_until, found.note) == (clock() + LEASE, b"")

    async def test_a_copy_of_a_retry_that_arrives_in_the_next_attempt_is_lost(self, store: BaseTaskQueue) -> None:
        [task_id] = await enqueue(store, draft())
        first = await take_one(store)
        faulty = FaultyStore(store)
        retry = [ending(first, State.READY, count=Counter.FAILURES)]
        with faulty.delay("settle") as asked:
            copy = asyncio.ensure_future(faulty.settle(retry))
            await asked.wait()
            await store.settle(retry)
            second = await take_one(store)

        assert [one.what for one in await copy] == [Trouble.LOST]
        found = await record(store, task_id)
        assert (found.state, found.failures, found.attempt) == (State.RUNNING, 1, second.fence.attempt)

    async def test_an_enqueue_that_arrives_past_its_bound_is_late(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        task = draft(insert_before=clock() + MINUTE)
        faulty = FaultyStore(store)
        with faulty.delay("enqueue") as asked:
            late = asyncio.ensure_future(faulty.enqueue([task]))
            await asked.wait()
            clock.step(MINUTE)

        assert [one.what for one in await late] == [Refusal.LATE]
        assert await states(store, [task.id]) == [None]

    async def test_a_copy_of_an_enqueue_that_arrives_after_the_end_is_known(self, store: BaseTaskQueue) -> None:
        task = draft(unique=key("a"))
        faulty = FaultyStore(store)
        with faulty.delay("enqueue") as asked:
            copy = asyncio.ensure_future(faulty.enqueue([task]))
            await asked.wait()
            await enqueue(store, task)
            await settle(store, await take_one(store))

        [answer] = await copy
        assert (answer.what, answer.state) == (Refusal.KNOWN, State.SUCCEEDED)
        await enqueue(store, draft(unique=key("a"), payload=b"next"))
