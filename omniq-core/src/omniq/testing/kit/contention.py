"""Cases of contention: calls that race for one record, one key or one entry, from several handles.

Which of them wins is open. That exactly one does, that the others are told, and that the record tells the same
story, is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from omniq.models.states import Counter, State
from omniq.models.values import HOUR, new_claim_id
from omniq.storage.records import CancelAnswer, DeleteAnswer, Refusal, RequeueAnswer, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import (
    LEASE,
    draft,
    end,
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

__all__ = ("ContentionCases",)

ROUNDS = 8
T = TypeVar("T")


@asynccontextmanager
async def handles(store: BaseTaskQueue, count: int) -> AsyncIterator[list[BaseTaskQueue]]:
    """Open so many companions beside the store."""
    async with AsyncExitStack() as stack:
        yield [store, *[await stack.enter_async_context(store.companion()) for _ in range(count - 1)]]


async def race(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Begin all calls, then wait for all."""
    return list(await asyncio.gather(*calls))


class ContentionCases(Ground):
    """Of those that race for one thing one gets it."""

    async def test_of_two_different_endings_of_one_attempt_one_is_written(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as (first, second):
            for _ in range(ROUNDS):
                [task_id] = await enqueue(store, draft())
                task = await take_one(store)

                answers = await race(
                    (first.settle([ending(task, result=b"v")]), second.settle([ending(task, State.FAILED)]))
                )

                state = (await record(store, task_id)).state
                written = answers[0 if state is State.SUCCEEDED else 1]
                [other] = answers[1 if state is State.SUCCEEDED else 0]
                assert state in (State.SUCCEEDED, State.FAILED)
                assert (written, other.what) == ([], Trouble.DONE)

    async def test_an_ending_and_a_takeover_do_not_both_get_the_task(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        async with handles(store, 2) as (first, second):
            for _ in range(ROUNDS):
                [task_id] = await enqueue(store, draft())
                task = await take_one(store)
                clock.step(LEASE + 1)

                answers, taken = await asyncio.gather(
                    first.settle([ending(task)]),
                    second.reclaim(limit=1, lease=LEASE, worker="second", claim_id=new_claim_id()),
                )

                found = await record(store, task_id)
                if taken:
                    assert [one.what for one in answers] == [Trouble.LOST]
                    assert (found.state, found.claim_id) == (State.RUNNING, taken[0].fence.claim_id)
                    await settle(store, taken[0])
                else:
                    assert (answers, found.state) == ([], State.SUCCEEDED)

    async def test_a_renewal_and_a_takeover_do_not_both_hold_the_task(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        async with handles(store, 2) as (first, second):
            for _ in range(ROUNDS):
                [task_id] = await enqueue(store, draft())
                task = await take_one(store)
                clock.step(LEASE + 1)

                answers, taken = await asyncio.gather(
                    first.extend([hold(task)], lease=LEASE),
                    second.reclaim(limit=1, lease=LEASE, worker="second", claim_id=new_claim_id()),
                )

                lost = Trouble.LOST in [one.what for one in answers]
                assert lost == bool(taken)
                holder = taken[0].fence if taken else task.fence
                assert (await record(store, task_id)).claim_id == holder.claim_id
                await settle(store, taken[0] if taken else task)

    async def test_of_many_takers_over_one_gets_each_task(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, *(draft() for _ in range(20)))
        await take(store, 20)
        clock.step(LEASE + 1)

        async with handles(store, 4) as stores:
            taken = await race(
                stores[n % 4].reclaim(limit=3, lease=LEASE, worker=f"w{n}", claim_id=new_claim_id()) for n in range(12)
            )

        given = [one for tasks in taken for one in ids_of(tasks)]
        assert sorted(given) == sorted(written)

    async def test_a_claim_and_a_cancel_agree_on_what_became_of_the_task(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as (first, second):
            for _ in range(ROUNDS):
                [task_id] = await enqueue(store, draft())

                claimed, [answer] = await asyncio.gather(take(first), second.cancel([task_id]))

                found = await record(store, task_id)
                if claimed.tasks:
                    assert (answer, found.state, found.cancel) == (CancelAnswer.REQUESTED, State.RUNNING, True)
                    await settle(store, claimed.tasks[0])
                else:
                    assert (answer, found.state) == (CancelAnswer.CANCELLED, State.CANCELLED)

    async def test_an_ending_and_a_cancel_agree_on_what_became_of_the_task(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as (first, second):
            for to in (State.SUCCEEDED, State.FAILED, State.READY):
                for _ in range(ROUNDS):
                    [task_id] = await enqueue(store, draft(queue=to.value))
                    task = await take_one(store, queues=[to.value])
                    count = Counter.FAILURES if to is State.READY else None

                    answers, [answer] = await asyncio.gather(
                        first.settle([ending(task, to, count=count)]), second.cancel([task_id])
                    )

                    state = (await record(store, task_id)).state
                    flagged = [one.what for one in answers] == [Trouble.CANCELLED]
                    assert (answer, state, flagged) in {
                        (CancelAnswer.REQUESTED, State.SUCCEEDED if to is State.SUCCEEDED else State.CANCELLED,
                         to is not State.SUCCEEDED),
                        (CancelAnswer.CANCELLED if to is State.READY else CancelAnswer.FINISHED,
                         State.CANCELLED if to is State.READY else to, False),
                    }  # fmt: skip

    async def test_of_many_equal_enqueues_one_writes_and_the_others_know(self, store: BaseTaskQueue) -> None:
        task = draft()
        async with handles(store, 4) as stores:
            answers = await race(stores[n % 4].enqueue([task]) for n in range(16))

        assert sorted(len(one) for one in answers) == [0] + [1] * 15
        assert {one.what for answer in answers for one in answer} == {Refusal.KNOWN}
        assert len((await take(store, 5)).tasks) == 1

    async def test_of_two_contents_under_one_id_one_is_written(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as stores:
            for _ in range(ROUNDS):
                one = draft(payload=b"1")
                two = draft(id=one.id, payload=b"2")

                answers = await race(handle.enqueue([task]) for handle, task in zip(stores, (one, two), strict=True))

                winner = b"1" if not answers[0] else b"2"
                assert sorted(len(answer) for answer in answers) == [0, 1]
                assert {found.what for answer in answers for found in answer} == {Refusal.CONFLICT}
                assert (await record(store, one.id, payload=True)).payload == winner

    async def test_a_requeue_and_an_enqueue_do_not_both_get_the_key(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as (first, second):
            for n in range(ROUNDS):
                old = await end(store, State.FAILED, unique=key(str(n)))
                new = draft(unique=key(str(n)), payload=b"new")

                [requeued], refused = await asyncio.gather(first.requeue([old]), second.enqueue([new]))

                assert (requeued is RequeueAnswer.REQUEUED) != (refused == [])
                live = [one for one in await states(store, [old, new.id]) if one is State.READY]
                assert len(live) == 1
                await settle(store, await take_one(store))

    async def test_a_requeue_and_a_delete_agree_on_what_became_of_the_task(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as (first, second):
            for _ in range(ROUNDS):
                task_id = await end(store, State.FAILED)

                [requeued], [deleted] = await asyncio.gather(first.requeue([task_id]), second.delete([task_id]))

                [state] = await states(store, [task_id])
                assert (requeued, deleted, state) in {
                    (RequeueAnswer.REQUEUED, DeleteAnswer.LIVE, State.READY),
                    (RequeueAnswer.MISSING, DeleteAnswer.DELETED, None),
                }
                await store.cancel([task_id])

    async def test_an_abandon_and_an_ending_agree_on_what_became_of_the_task(self, store: BaseTaskQueue) -> None:
        async with handles(store, 2) as (first, second):
            for _ in range(ROUNDS):
                [task_id] = await enqueue(store, draft())
                task = await take_one(store)

                answers, _ = await asyncio.gather(first.settle([ending(task)]), second.abandon(task.fence.claim_id))

                found = await record(store, task_id)
                assert ([one.what for one in answers], found.state, found.releases) in (
                    ([], State.SUCCEEDED, 0),
                    ([Trouble.LOST], State.READY, 1),
                )
                await store.cancel([task_id])

    async def test_sweeps_beside_each_other_end_each_task_once(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, *(draft(ttl=HOUR) for _ in range(30)))
        clock.step(HOUR)

        async with handles(store, 3) as stores:
            swept = await race(stores[n % 3].sweep(7) for n in range(9))
        while swept[-1].more:
            swept.append(await store.sweep(7))

        assert sorted(one for answer in swept for one, _ in answer.ended) == sorted(written)

    async def test_parents_that_end_beside_each_other_release_their_child_once(self, store: BaseTaskQueue) -> None:
        async with handles(store, 4) as stores:
            for n in range(ROUNDS):
                parents = await enqueue(store, *(draft() for _ in range(4)))
                [child] = await enqueue(store, draft(queue=f"kids{n}", parents=tuple(parents)))
                tasks = (await take(store, 4)).tasks

                await race(handle.settle([ending(task)]) for handle, task in zip(stores, tasks, strict=True))

                claims = await race(take(handle, queues=[f"kids{n}"]) for handle in stores)
                assert [one for claimed in claims for one in ids_of(claimed.tasks)] == [child]

    async def test_of_many_writers_of_one_version_one_wins_and_the_entry_is_its(self, store: BaseTaskQueue) -> None:
        async with handles(store, 3) as stores:
            expect = 0
            for _ in range(ROUNDS):
                versions = await race(stores[n % 3].kv_put("ns", "k", str(n).encode(), expect=expect) for n in range(6))

                [winner] = [n for n, version in enumerate(versions) if version is not None]
                entry = await store.kv_get("ns", "k")
                assert entry is not None
                assert (entry.value, entry.version) == (str(winner).encode(), versions[winner])
                expect = entry.version
                await store.kv_delete("ns", "k", expect=expect)
                expect = 0
