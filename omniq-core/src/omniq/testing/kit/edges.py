"""Cases of parents: a child runs after them, once, or does not run, as its policy says."""

from __future__ import annotations

import asyncio

from omniq.models.states import Counter, OnParent, Reason, State
from omniq.models.values import HOUR, MINUTE, SECOND, new_id
from omniq.storage.records import PARENT_RECHECK, Refusal
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground
from omniq.testing.kit.words import (
    draft,
    end,
    ending,
    enqueue,
    ids_of,
    key,
    record,
    settle,
    states,
    take,
    take_one,
)

__all__ = ("EdgeCases",)

BAD = (State.FAILED, State.CANCELLED)


class EdgeCases(Ground):
    """An edge is gone when its parent has ended, whichever of the two was written first."""

    async def test_a_child_waits_for_its_parent(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        parent = draft()
        child = draft(parents=(parent.id,), payload=b"child")
        await enqueue(store, parent, child)
        found = await record(store, child.id)
        assert (found.state, found.parents, found.on_parent) == (
            State.WAITING,
            (parent.id,),
            OnParent.SKIP,
        )

        claimed = await take(store, 5)
        assert ids_of(claimed.tasks) == [parent.id]
        clock.advance("5s")
        await settle(store, claimed.tasks[0])

        found = await record(store, child.id)
        assert (found.state, found.run_at, found.parents) == (State.READY, clock(), (parent.id,))
        assert (await take_one(store)).payload == b"child"

    async def test_a_retry_of_the_parent_does_not_release_the_child(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft())
        [child] = await enqueue(store, draft(parents=(parent,)))

        await settle(store, await take_one(store), State.READY, count=Counter.FAILURES)

        assert await states(store, [child]) == [State.WAITING]

    async def test_a_child_waits_for_all_its_parents(self, store: BaseTaskQueue) -> None:
        parents = await enqueue(store, *(draft(queue=f"q{n}") for n in range(20)))
        [child] = await enqueue(store, draft(parents=tuple(parents)))
        for n in range(20):
            assert await states(store, [child]) == [State.WAITING]
            await settle(store, await take_one(store, queues=[f"q{n}"]))

        assert await states(store, [child]) == [State.READY]

    async def test_parents_that_end_in_one_call_release_the_child(self, store: BaseTaskQueue) -> None:
        parents = await enqueue(store, *(draft() for _ in range(100)))
        [child] = await enqueue(store, draft(parents=tuple(parents)))

        await store.settle([ending(task) for task in (await take(store, 100)).tasks])

        assert ids_of((await take(store, 5)).tasks) == [child]

    async def test_a_parent_releases_all_its_children(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft())
        children = await enqueue(store, *(draft(parents=(parent,), queue="kids") for _ in range(100)))

        await settle(store, await take_one(store))

        assert sorted(ids_of((await take(store, 200, queues=["kids"])).tasks)) == sorted(children)

    async def test_a_diamond_runs_each_node_once_in_order(self, store: BaseTaskQueue) -> None:
        top = draft()
        left, right = draft(parents=(top.id,)), draft(parents=(top.id,), payload=b"r")
        bottom = draft(parents=(left.id, right.id))
        await enqueue(store, top, left, right, bottom)

        waves = []
        while tasks := (await take(store, 10)).tasks:
            waves.append(sorted(ids_of(tasks)))
            await store.settle([ending(task) for task in tasks])

        assert waves == [[top.id], sorted([left.id, right.id]), [bottom.id]]

    async def test_a_parent_of_another_queue_counts_too(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft(queue="a"))
        [child] = await enqueue(store, draft(queue="b", parents=(parent,)))

        await settle(store, await take_one(store, queues=["a"]))

        assert (await take_one(store, queues=["b"])).fence.task_id == child

    async def test_a_parent_that_has_ended_counts_at_once(self, store: BaseTaskQueue) -> None:
        good = await end(store, State.SUCCEEDED)
        expected = {OnParent.SKIP: State.SKIPPED, OnParent.FAIL: State.FAILED, OnParent.RUN: State.READY}
        for policy in OnParent:
            assert await states(store, await enqueue(store, draft(queue="x", parents=(good,), on_parent=policy))) == [
                State.READY
            ]
        for bad_state in BAD:
            bad = await end(store, bad_state)
            for policy, state in expected.items():
                [child] = await enqueue(store, draft(queue="x", parents=(good, bad), on_parent=policy))
                found = await record(store, child)
                assert found.state is state, (bad_state, policy)
                assert found.reason == (Reason.PARENT if state is State.FAILED else None)

    async def test_a_bad_end_of_the_parent_is_judged_by_the_child(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        for to in BAD:
            [parent] = await enqueue(store, draft())
            skip, fail, run = await enqueue(
                store, *(draft(queue="x", parents=(parent,), on_parent=policy) for policy in OnParent)
            )
            task = await take_one(store)
            clock.advance("1s")
            await settle(store, task, to)

            assert await states(store, [skip, fail, run]) == [State.SKIPPED, State.FAILED, State.READY]
            found = await record(store, fail)
            assert (found.reason, found.finished_at) == (Reason.PARENT, clock())

    async def test_the_first_bad_parent_decides(self, store: BaseTaskQueue) -> None:
        bad, other = await enqueue(store, draft(queue="a"), draft(queue="b"))
        [child] = await enqueue(store, draft(parents=(other, bad)))

        await settle(store, await take_one(store, queues=["a"]), State.FAILED)

        assert await states(store, [child]) == [State.SKIPPED]
        await settle(store, await take_one(store, queues=["b"]))
        assert await states(store, [child]) == [State.SKIPPED]

    async def test_a_cancelled_parent_skips_its_children_at_once(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft())
        [child] = await enqueue(store, draft(parents=(parent,)))
        await store.cancel([parent])
        assert await states(store, [child]) == [State.SKIPPED]

        [parent] = await enqueue(store, draft())
        [child] = await enqueue(store, draft(parents=(parent,)))
        task = await take_one(store)
        await store.cancel([parent])
        await store.settle([ending(task, State.READY, count=Counter.FAILURES)])
        assert await states(store, [child]) == [State.SKIPPED]

    async def test_an_expired_parent_skips_its_children(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [parent] = await enqueue(store, draft(ttl=SECOND))
        [child] = await enqueue(store, draft(parents=(parent,), queue="x"))
        clock.advance("1s")

        await take(store)
        await store.sweep(100)

        assert await states(store, [parent, child]) == [State.EXPIRED, State.SKIPPED]

    async def test_what_an_expiry_on_the_way_releases_is_for_the_next_claim(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [parent] = await enqueue(store, draft(ttl=SECOND, priority=9))
        [child] = await enqueue(store, draft(parents=(parent,), on_parent=OnParent.RUN, priority=5))
        clock.advance("1s")

        claimed = await take(store, 5)
        if not claimed.expired:  # left to the sweep
            await store.sweep(100)

        assert (ids_of(claimed.tasks), await states(store, [parent, child])) == ([], [State.EXPIRED, State.READY])
        if claimed.expired:
            assert claimed.next_due is not None, "who asked must ask again, not sleep"
            assert claimed.next_due <= SECOND
        assert ids_of((await take(store, 5)).tasks) == [child]

    async def test_a_skip_runs_down_a_deep_chain(self, store: BaseTaskQueue) -> None:
        chain = [draft()]
        for _ in range(1500):
            chain.append(draft(parents=(chain[-1].id,)))
        await enqueue(store, *chain)

        await settle(store, await take_one(store), State.FAILED)
        while (await store.sweep(500)).more:
            pass

        assert set(await states(store, [task.id for task in chain[1:]])) == {State.SKIPPED}

    async def test_an_unknown_parent_is_named_and_its_child_not_written(self, store: BaseTaskQueue) -> None:
        unknown, neighbour = new_id(), draft()
        child = draft(parents=(unknown,))

        [answer] = await store.enqueue([child, neighbour])

        assert (answer.index, answer.what, answer.holder) == (0, Refusal.PARENT, unknown)
        assert await states(store, [child.id, neighbour.id]) == [None, State.READY]

    async def test_a_parent_refused_in_the_same_batch_refuses_its_child(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft(unique=key("a")))
        parent = draft(unique=key("a"), payload=b"second")
        child = draft(parents=(parent.id,))

        answers = await store.enqueue([parent, child, draft(parents=(child.id,))])

        assert [one.what for one in answers] == [Refusal.UNIQUE, Refusal.PARENT, Refusal.PARENT]
        assert answers[1].holder == parent.id

    async def test_a_graph_sent_again_is_known_whatever_became_of_it(self, store: BaseTaskQueue) -> None:
        parent = draft()
        child = draft(parents=(parent.id,))
        await enqueue(store, parent, child)
        await settle(store, await take_one(store))

        assert [one.what for one in await store.enqueue([parent, child])] == [Refusal.KNOWN] * 2
        assert len((await take(store, 5)).tasks) == 1

    async def test_a_parent_named_twice_counts_once(self, store: BaseTaskQueue) -> None:
        [parent] = await enqueue(store, draft())
        [child] = await enqueue(store, draft(parents=(parent, parent)))

        await settle(store, await take_one(store))

        assert ids_of((await take(store, 5)).tasks) == [child]

    async def test_a_child_with_a_time_of_its_own_waits_for_both(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [parent] = await enqueue(store, draft())
        [child] = await enqueue(store, draft(parents=(parent,), delay=MINUTE))
        due = clock() + MINUTE

        await settle(store, await take_one(store))

        assert (await record(store, child)).run_at == due
        assert (await take(store)).tasks == []
        clock.step(MINUTE + 1_000)
        assert ids_of((await take(store)).tasks) == [child]

    async def test_a_parent_that_ends_while_its_child_is_enqueued_strands_nobody(self, store: BaseTaskQueue) -> None:
        for n in range(10):
            [parent] = await enqueue(store, draft(queue=f"p{n}"))
            task = await take_one(store, queues=[f"p{n}"])
            child = draft(queue=f"c{n}", parents=(parent,))
            async with store.companion() as companion:
                await asyncio.gather(enqueue(companion, child), settle(store, task))

            assert await states(store, [child.id]) == [State.READY]

    async def test_an_ending_sent_again_does_not_release_twice(self, store: BaseTaskQueue) -> None:
        first, second = await enqueue(store, draft(queue="a"), draft(queue="b"))
        [child] = await enqueue(store, draft(parents=(first, second)))
        task = await take_one(store, queues=["a"])

        await settle(store, task)
        await settle(store, task)

        assert await states(store, [child]) == [State.WAITING]

    async def test_a_look_again_at_the_parents_changes_nothing_that_is_right(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        [parent] = await enqueue(store, draft(delay=HOUR))
        [child] = await enqueue(store, draft(parents=(parent,)))
        clock.step(2 * PARENT_RECHECK)

        assert (await store.sweep(100)).ended == []
        assert await states(store, [child]) == [State.WAITING]
