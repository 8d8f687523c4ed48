"""Cases of the network: a store that talks to a server is driven through a proxy that breaks the bytes between.

A call that meets a broken connection may raise StoreUnavailable, or mend it by itself; both are right. What is asked
is what stands afterwards: after the same call again, that of one call, and never half of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from omniq.errors import StoreUnavailable
from omniq.models.states import Counter, State
from omniq.models.values import HOUR, new_claim_id, new_id
from omniq.plugins.registry import registry
from omniq.storage.records import NewTask, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.kit.guard import Guarded
from omniq.testing.kit.words import FUSE, LEASE, draft, ending, hold, ids_of, key, record, states, take, take_one
from omniq.testing.proxy import Flow, TcpProxy

__all__ = ("NetworkConformance",)

T = TypeVar("T")

PLACES = (0, 1, 7, 40, 200, 1000)
"""Bytes after which a connection is reset: before, in the head, and within what is said."""
PATIENCE = 20
"""Times that a call is made again; a pool may have as many broken connections to find."""


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call until the store can be reached, as core does."""
    for _ in range(PATIENCE):
        try:
            return await asyncio.wait_for(call(), FUSE)
        except StoreUnavailable:
            await asyncio.sleep(0.01)
    return await call()


async def once(call: Callable[[], Awaitable[object]]) -> None:
    """Make a call that may fail."""
    with contextlib.suppress(StoreUnavailable):
        await asyncio.wait_for(call(), FUSE)


class NetworkConformance(Guarded):
    """Every case of the network. Subclass it and override the fixture `url`: an empty place on a running server.

    The URL names host and port, and its scheme is selectable. Cases use a project of their own each.
    """

    kept = frozenset({"near", "proxy", "store"})

    @pytest.fixture
    def url(self) -> str:
        """Override: the URL of a running server, with host and port."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `url`; see NetworkConformance")

    @pytest.fixture
    async def proxy(self, url: str) -> AsyncIterator[TcpProxy]:
        async with TcpProxy.before(url) as proxy:
            yield proxy

    @pytest.fixture
    def project(self) -> str:
        return f"kit-{new_id()[-12:]}"

    @pytest.fixture
    async def store(self, url: str, proxy: TcpProxy, project: str) -> AsyncIterator[BaseTaskQueue]:
        """The store behind the proxy."""
        store: BaseTaskQueue = registry.backend(proxy.through(url), project=project).tasks()
        async with store:
            yield store

    @pytest.fixture
    async def near(self, url: str, project: str) -> AsyncIterator[BaseTaskQueue]:
        """The same place without the proxy: what really is."""
        store: BaseTaskQueue = registry.backend(url, project=project).tasks()
        async with store:
            yield store

    @pytest.mark.parametrize("flow", Flow)
    async def test_a_batch_whose_connection_is_reset_anywhere_is_written_whole_or_not_at_all(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy, flow: Flow
    ) -> None:
        for place in PLACES:
            batch: list[NewTask] = [draft(payload=b"p" * 100) for _ in range(5)]
            with proxy.reset_at(place, flow):
                await once(lambda batch=batch: store.enqueue(batch))  # type: ignore[misc]
            ids = [task.id for task in batch]
            assert len(set(await states(near, ids))) == 1, f"half a batch is there after {place} bytes"

            await insist(lambda batch=batch: store.enqueue(batch))  # type: ignore[misc]

            assert await states(near, ids) == [State.READY] * 5

    @pytest.mark.parametrize("flow", Flow)
    async def test_an_ending_whose_connection_is_reset_is_written_once_with_its_result(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy, flow: Flow
    ) -> None:
        for place in PLACES:
            await near.enqueue([draft()])
            task = await take_one(near)
            done = ending(task, State.READY, count=Counter.FAILURES)
            with proxy.reset_at(place, flow):
                await once(lambda done=done: store.settle([done]))  # type: ignore[misc]

            assert await insist(lambda done=done: store.settle([done])) == []  # type: ignore[misc]
            assert (await record(near, task.fence.task_id)).failures == 1
            task = await take_one(near)
            good = ending(task, result=b"v" * 300)
            with proxy.reset_at(place, flow):
                await once(lambda good=good: store.settle([good]))  # type: ignore[misc]
            found = await record(near, task.fence.task_id, result=True)
            assert (found.result == b"v" * 300) == (found.state is State.SUCCEEDED)

            assert await insist(lambda good=good: store.settle([good])) == []  # type: ignore[misc]
            assert (await record(near, task.fence.task_id, result=True)).result == b"v" * 300

    async def test_a_claim_whose_reply_is_reset_strands_no_task(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        tasks = [draft() for _ in range(3)]
        await near.enqueue(tasks)
        for place in PLACES:
            claim_id = new_claim_id()
            with proxy.reset_at(place):
                await once(lambda claim_id=claim_id: take(store, 5, claim_id=claim_id))  # type: ignore[misc]

            await insist(lambda claim_id=claim_id: store.abandon(claim_id))  # type: ignore[misc]

            assert await states(near, [task.id for task in tasks]) == [State.READY] * 3
        claimed = await insist(lambda: take(store, 5))
        assert sorted(ids_of(claimed.tasks)) == sorted(task.id for task in tasks)

    async def test_a_renewal_whose_reply_is_lost_has_renewed(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        await near.enqueue([draft()])
        task = await take_one(near, lease=LEASE)
        before = (await record(near, task.fence.task_id)).lease_until or 0
        with proxy.reset_at(0):
            await once(lambda: store.extend([hold(task, b"note")], lease=HOUR))

        answers = await insist(lambda: store.extend([hold(task, b"note")], lease=HOUR))

        assert Trouble.LOST not in [one.what for one in answers]
        found = await record(near, task.fence.task_id)
        assert (found.lease_until or 0) > before
        assert found.note == b"note"

    async def test_operations_from_outside_act_once_over_a_broken_line(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        waits, failed, done = (draft(queue=f"q{n}", payload=str(n).encode()) for n in range(3))
        await near.enqueue([waits, failed, done])
        await near.settle([ending(await take_one(near, queues=["q1"]), State.FAILED)])
        await near.settle([ending(await take_one(near, queues=["q2"]))])
        for call in (
            lambda: store.cancel([waits.id]),
            lambda: store.requeue([failed.id]),
            lambda: store.delete([done.id]),
            lambda: store.set_paused(["q1"], True),
            lambda: store.kv_put("ns", "k", b"v", expect=0),
        ):
            with proxy.reset_at(0):
                await once(call)
            await insist(call)

        assert await states(near, [waits.id, failed.id, done.id]) == [State.CANCELLED, State.READY, None]
        assert (await record(near, failed.id)).epoch == 1
        assert (await take(near, queues=["q1"])).tasks == []
        entry = await near.kv_get("ns", "k")
        assert entry is not None
        assert await insist(lambda: store.kv_put("ns", "k", b"v", expect=0)) == entry.version

    async def test_a_key_that_was_taken_over_a_broken_line_is_held_once(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        for n in range(4):
            task = draft(unique=key(str(n)))
            with proxy.reset_at(n):
                await once(lambda task=task: store.enqueue([task]))  # type: ignore[misc]
            await insist(lambda task=task: store.enqueue([task]))  # type: ignore[misc]

            [refused] = await near.enqueue([draft(unique=key(str(n)), payload=b"other")])
            assert refused.holder == task.id

    async def test_every_call_works_again_after_all_connections_were_cut(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        for _ in range(3):
            task = draft()
            proxy.cut()
            await insist(lambda task=task: store.enqueue([task]))  # type: ignore[misc]
            proxy.cut()
            claim_id = new_claim_id()
            await once(lambda claim_id=claim_id: take(store, claim_id=claim_id))  # type: ignore[misc]
            await insist(lambda claim_id=claim_id: store.abandon(claim_id))  # type: ignore[misc]
            claimed = await insist(lambda: take(store))
            proxy.cut()

            await insist(lambda claimed=claimed: store.settle([ending(claimed.tasks[0])]))  # type: ignore[misc]

            assert await states(near, [task.id]) == [State.SUCCEEDED]

    async def test_who_waits_is_woken_although_its_connection_was_cut(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        task = draft()

        async def claimed() -> list[str]:
            while True:
                claim_id = new_claim_id()
                try:
                    if tasks := (await take(store, claim_id=claim_id, wait=HOUR)).tasks:
                        return ids_of(tasks)
                except StoreUnavailable:
                    await insist(lambda claim_id=claim_id: store.abandon(claim_id))  # type: ignore[misc]

        async def ended() -> list[str]:
            while True:
                try:
                    if found := await store.wait_finished([task.id], timeout=HOUR):
                        return found
                except StoreUnavailable:
                    await asyncio.sleep(0.01)

        waiting = asyncio.ensure_future(claimed())
        arrived = proxy.passed(Flow.REQUESTS)
        await proxy.arrived(Flow.REQUESTS, arrived + 1)
        proxy.cut()
        await near.enqueue([task])
        assert await asyncio.wait_for(waiting, FUSE) == [task.id]

        arrived = proxy.passed(Flow.REQUESTS)
        watching = asyncio.ensure_future(ended())
        await proxy.arrived(Flow.REQUESTS, arrived + 1)
        proxy.cut()
        await near.cancel([task.id])
        found = await record(near, task.id)
        await near.abandon(found.claim_id)
        await near.cancel([task.id])
        assert await asyncio.wait_for(watching, FUSE) == [task.id]

    async def test_a_call_into_a_black_hole_ends_or_is_answered_late(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        for lost in (False, True):
            task = draft()
            arrived = proxy.passed(Flow.REQUESTS)
            with proxy.black_hole():
                call = asyncio.ensure_future(once(lambda task=task: store.enqueue([task])))  # type: ignore[misc]
                await asyncio.wait_for(proxy.arrived(Flow.REQUESTS, arrived + 1), FUSE)
                assert await states(near, [task.id]) == [None]
                if lost:
                    proxy.cut()
            await asyncio.wait_for(call, FUSE)

            await insist(lambda task=task: store.enqueue([task]))  # type: ignore[misc]
            assert await states(near, [task.id]) == [State.READY]

    async def test_latency_changes_nothing_but_the_time(
        self, store: BaseTaskQueue, near: BaseTaskQueue, proxy: TcpProxy
    ) -> None:
        tasks = [draft() for _ in range(3)]
        with proxy.latency(0.005):
            assert await store.enqueue(tasks) == []
            claimed = (await take(store, 5)).tasks
            assert await store.settle([ending(one) for one in claimed]) == []

        assert set(await states(near, [task.id for task in tasks])) == {State.SUCCEEDED}
