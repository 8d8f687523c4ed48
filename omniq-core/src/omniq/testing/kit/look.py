"""Cases of looking and pausing from outside: `get`, `list`, `stats` and `set_paused`."""

from __future__ import annotations

import pytest

from omniq.models.states import State
from omniq.models.values import SECOND, Micros, new_id
from omniq.storage.base import Feature
from omniq.storage.records import Where
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground, requires
from omniq.testing.kit.words import (
    draft,
    end,
    enqueue,
    record,
    take,
    take_one,
)

__all__ = ("LookCases", "PauseCases")

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


async def all_ids(store: BaseTaskQueue, where: Where, limit: int = 100) -> list[str]:
    """Walk every page."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = await store.list(where, limit=limit, after=after)
        assert len(page.items) <= limit
        found += [one.id for one in page.items]
        if page.next is None:
            return found
        after = page.next


class LookCases(Ground):
    """What is shown is what is there."""

    async def test_get_answers_every_id_in_order(self, store: BaseTaskQueue) -> None:
        first, second = await enqueue(store, draft(payload=b"1"), draft(payload=b"2"))

        found = await store.get([second, new_id(), first, second], payload=True)

        assert [None if one is None else (one.id, one.payload) for one in found] == [
            (second, b"2"),
            None,
            (first, b"1"),
            (second, b"2"),
        ]
        assert (await record(store, first)).payload is None
        assert await store.get([]) == []

    @requires(Feature.INDEXED_LIST)
    async def test_a_list_is_newest_first_in_pages(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = []
        for _ in range(7):
            written += await enqueue(store, draft())
            clock.advance("1s")

        assert await all_ids(store, Where(), limit=3) == written[::-1]

    async def test_pages_hold_under_writes(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        written = await enqueue(store, *(draft() for _ in range(9)))
        page = await store.list(Where(), limit=4)
        clock.advance("1s")
        await enqueue(store, draft())
        await take(store, 5)

        seen = [one.id for one in page.items]
        while page.next is not None:
            page = await store.list(Where(), limit=4, after=page.next)
            seen += [one.id for one in page.items]

        assert len(seen) == len(set(seen))
        assert set(written) <= set(seen)

    async def test_each_filter_narrows_the_list(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        [old] = await enqueue(store, draft(queue="a", name="m:one", tags=("x", "y")))
        start: Micros = clock.advance("10s")
        [young] = await enqueue(store, draft(queue="b", name="m:two", tags=("x",)))
        await take_one(store, queues=["b"])
        both = {old, young}

        for where, expected in (
            (Where(), both),
            (Where(queue="a"), {old}),
            (Where(name="m:two"), {young}),
            (Where(name="m"), set()),
            (Where(tag="x"), both),
            (Where(tag="y"), {old}),
            (Where(states=frozenset({State.READY})), {old}),
            (Where(states=frozenset({State.RUNNING, State.READY})), both),
            (Where(states=frozenset({State.FAILED})), set()),
            (Where(since=start), {young}),
            (Where(until=start), {old}),
            (Where(tag="x", queue="b", since=start), {young}),
            (Where(tag="y", queue="b"), set()),
        ):
            assert set(await all_ids(store, where)) == expected, where

    async def test_a_page_mark_that_is_none_of_ours_is_refused(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())

        with pytest.raises(ValueError, match=r"."):
            await store.list(Where(), after="no such mark")

    async def test_stats_count_what_a_scan_finds(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        for state in ENDED:
            await end(store, state, queue="a")
        await enqueue(store, *(draft(queue="a") for _ in range(3)), draft(queue="b"))
        await take_one(store, queues=["a"])

        stats = await store.stats()

        assert [one.queue for one in stats] == ["a", "b"]
        for one in stats:
            scan: dict[State, int] = {}
            for task_id in await all_ids(store, Where(queue=one.queue)):
                state = (await record(store, task_id)).state
                scan[state] = scan.get(state, 0) + 1
            if one.exact:
                assert {state: count for state, count in one.counts.items() if count} == scan

    async def test_stats_of_named_queues_are_sorted_and_unknown_ones_are_zero(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft(queue="b"))

        stats = await store.stats(["c", "b"])

        assert [one.queue for one in stats] == ["b", "c"]
        assert sum(stats[1].counts.values()) == 0
        assert (stats[1].oldest_ready, stats[1].paused) == (None, False)

    async def test_oldest_ready_counts_from_becoming_eligible(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        await enqueue(store, draft(delay=5 * SECOND))
        assert (await store.stats(["default"]))[0].oldest_ready is None
        clock.advance("8s")

        assert (await store.stats(["default"]))[0].oldest_ready == 3 * SECOND


class PauseCases(Ground):
    """A pause holds once it returned, over handles, until it is lifted."""

    async def test_a_pause_is_seen_by_every_handle_and_in_stats(self, store: BaseTaskQueue) -> None:
        await enqueue(store, draft())
        async with store.companion() as companion:
            await companion.set_paused(["default", "empty"], True)
            await companion.set_paused(["default"], True)

        assert (await take(store)).tasks == []
        assert {one.queue: one.paused for one in await store.stats(["default", "empty", "other"])} == {
            "default": True,
            "empty": True,
            "other": False,
        }
        await store.set_paused(["default"], False)
        await take_one(store)

    async def test_a_paused_queue_takes_new_tasks(self, store: BaseTaskQueue) -> None:
        await store.set_paused(["default"], True)
        [task_id] = await enqueue(store, draft())
        assert (await take(store)).tasks == []
        await store.set_paused(["default"], False)

        assert (await take_one(store)).fence.task_id == task_id

    async def test_an_empty_list_of_queues_pauses_none(self, store: BaseTaskQueue) -> None:
        await store.set_paused([], True)
        await enqueue(store, draft())

        await take_one(store)
