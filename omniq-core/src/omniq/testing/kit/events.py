"""Cases of an event store: a history that is appended to, read by filters from any place, and bounded in age."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omniq.direct import drive
from omniq.models.event import EventType, TaskEvent
from omniq.models.values import SECOND, Micros, new_id
from omniq.storage.base import Feature
from omniq.storage.events import BaseEventStorage, EventFilter
from omniq.testing.clock import VirtualClock
from omniq.testing.faults import FaultyEventStorage
from omniq.testing.kit.ground import PROJECT, Factory, Ground, requires

__all__ = ("EventConformance",)

START: Micros = 1_800_000_000 * SECOND
ANY = EventFilter()


def event(**changes: Any) -> TaskEvent:
    fields: dict[str, Any] = {"type": EventType.ENQUEUED, "at": START, **changes}
    return TaskEvent(**{"id": new_id(), **fields})


async def appended(store: BaseEventStorage, *events: TaskEvent) -> list[TaskEvent]:
    await store.append(list(events))
    return list(events)


async def everything(store: BaseEventStorage, where: EventFilter = ANY, *, limit: int = 100) -> list[TaskEvent]:
    """Read page by page to the end."""
    found: list[TaskEvent] = []
    after: str | None = None
    while True:
        page = await store.read(where, after=after, limit=limit)
        assert len(page.items) <= limit
        found += page.items
        if page.next is None or page.next == after:
            return found
        after = page.next


class EventConformance(Ground):
    """Every case of an event store. Subclass it and override the fixture `factory`, as for QueueConformance."""

    async def test_an_event_comes_back_whole(self, store: BaseEventStorage) -> None:
        full = event(
            type=EventType.ERROR, task_id=new_id(), name="shop:send", queue="mail", attempt=3, worker="host-1",
            schedule="nightly", message="ValueError: ü\x00'\"\n",
        )  # fmt: skip
        events = await appended(store, full, event())

        assert await everything(store) == events
        await store.append([])
        assert await everything(store) == events

    async def test_every_type_is_kept_apart(self, store: BaseEventStorage) -> None:
        events = await appended(store, *(event(type=kind) for kind in EventType))

        for one in events:
            assert await everything(store, EventFilter(types=frozenset({one.type}))) == [one]
        pair = frozenset({EventType.ERROR, EventType.RETRY})
        assert {one.type for one in await everything(store, EventFilter(types=pair))} == pair

    async def test_events_are_read_in_the_order_of_their_append_whatever_their_times(
        self, store: BaseEventStorage
    ) -> None:
        events = [event(at=START + n * SECOND) for n in (5, 1, 3)]
        for one in events:
            await store.append([one])

        assert await everything(store) == events

    async def test_an_event_sent_again_is_there_once(self, store: BaseEventStorage) -> None:
        first, second, third = event(), event(), event()
        await store.append([first, second])
        await store.append([second, first, third, third])

        assert await everything(store) == [first, second, third]

    async def test_pages_of_any_size_give_everything_once(self, store: BaseEventStorage) -> None:
        events = await appended(store, *(event(attempt=n) for n in range(300)))

        for limit in (1, 7, 299, 300, 301):
            assert await everything(store, limit=limit) == events

    async def test_filters_are_joined(self, store: BaseEventStorage) -> None:
        task = new_id()
        events = await appended(
            store,
            event(task_id=task, name="a", queue="q"),
            event(task_id=task, name="a", queue="q", type=EventType.COMPLETE),
            event(task_id=new_id(), name="a", queue="q"),
            event(task_id=task, name="b", queue="q"),
            event(task_id=task, name="a", queue="p"),
        )

        assert await everything(store, EventFilter(task_id=task)) == [events[n] for n in (0, 1, 3, 4)]
        assert await everything(store, EventFilter(queue="p")) == [events[4]]
        assert await everything(store, EventFilter(name="b")) == [events[3]]
        both = EventFilter(task_id=task, name="a", queue="q", types=frozenset({EventType.ENQUEUED}))
        assert await everything(store, both) == [events[0]]
        assert await everything(store, EventFilter(task_id=new_id())) == []

    async def test_since_is_included_and_until_is_not(self, store: BaseEventStorage) -> None:
        events = await appended(store, *(event(at=START + n) for n in (4, 0, 3, 1, 2)))

        def between(since: int | None, until: int | None) -> EventFilter:
            return EventFilter(
                since=None if since is None else START + since, until=None if until is None else START + until
            )

        assert await everything(store, between(1, 3)) == [events[3], events[4]]
        assert await everything(store, between(3, None)) == [events[0], events[2]]
        assert await everything(store, between(None, 1)) == [events[1]]
        assert await everything(store, between(9, None)) == []

    async def test_what_fits_is_found_behind_thousands_that_do_not(self, store: BaseEventStorage) -> None:
        await store.append([event(queue="loud") for _ in range(2500)])
        quiet = event(queue="quiet")
        await store.append([quiet])

        assert await everything(store, EventFilter(queue="quiet")) == [quiet]

    async def test_a_reader_goes_on_where_it_stopped(self, store: BaseEventStorage) -> None:
        [first] = await appended(store, event())
        page = await store.read(ANY)
        assert page.items == [first]
        assert page.next is not None, "what was read has a place behind it, so that a reader can follow"
        assert (await store.read(ANY, after=page.next)).items == []
        async with store.companion() as companion:
            [second] = await appended(companion, event())

        assert (await store.read(ANY, after=page.next)).items == [second]

    async def test_a_reader_that_follows_misses_nothing_after_a_purge(self, store: BaseEventStorage) -> None:
        await store.append([event(at=START - SECOND)])
        page = await store.read(ANY)
        assert await store.purge(START, 100) == 1

        later = await appended(store, event(), event())

        assert (await store.read(ANY, after=page.next)).items == later

    async def test_old_events_are_purged_oldest_first_in_bounded_steps(self, store: BaseEventStorage) -> None:
        events = await appended(store, *(event(at=START + n) for n in (3, 0, 4, 1, 2)))

        assert await store.purge(START + 3, 2) == 2
        assert await everything(store) == [events[0], events[2], events[4]]
        assert [await store.purge(START + 3, 2) for _ in range(2)] == [1, 0]
        assert await everything(store) == [events[0], events[2]]

    async def test_a_place_that_is_none_is_refused(self, store: BaseEventStorage) -> None:
        with pytest.raises(ValueError, match="mark"):
            await store.read(ANY, after="no such mark")

    async def test_projects_do_not_see_each_other(
        self, store: BaseEventStorage, factory: Factory[BaseEventStorage]
    ) -> None:
        [ours] = await appended(store, event())
        async with factory("other") as other:
            same_id = event(id=ours.id, message="theirs")
            await other.append([same_id])
            assert await other.purge(START + 1, 100) == 1

        assert await everything(store) == [ours]

    async def test_a_call_in_bad_weather_leaves_what_one_call_leaves(self, store: BaseEventStorage) -> None:
        faulty = FaultyEventStorage(store)
        events = [event(at=START + n) for n in range(3)]

        await faulty.repeated("append", events)
        assert await everything(store) == events
        await faulty.repeated("purge", START + 1, 10)
        assert (await faulty.repeated("read", ANY)).items == events[1:]

    async def test_many_writers_at_once_lose_nothing(self, store: BaseEventStorage) -> None:
        batches = [[event(attempt=n) for _ in range(10)] for n in range(20)]
        async with store.companion() as companion:
            await asyncio.gather(*((companion if n % 2 else store).append(batch) for n, batch in enumerate(batches)))

        found = await everything(store)
        assert len(found) == 200
        for batch in batches:
            assert [one for one in found if one.attempt == batch[0].attempt] == batch

    @requires(Feature.DIRECT)
    async def test_a_direct_store_ends_every_operation_in_the_callers_thread(self, store: BaseEventStorage) -> None:
        one = event()
        drive(store.append([one]))

        assert drive(store.read(ANY)).items == [one]
        assert drive(store.purge(START + 1, 10)) == 1

    async def test_a_handle_knows_its_place_and_time_and_opens_twice(
        self, store: BaseEventStorage, clock: VirtualClock, factory: Factory[BaseEventStorage]
    ) -> None:
        assert factory(PROJECT).capabilities == store.capabilities
        assert await store.server_now() == clock()
        async with store.companion() as companion:
            await companion.open()
            events = await appended(companion, event())
        await companion.close()

        assert await everything(store) == events
