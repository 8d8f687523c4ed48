"""Cases of an event store: an append-only history, read by filters, with a bounded age."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec

from omniq.models.event import EventType, TaskEvent
from omniq.models.values import HOUR, SECOND, Micros
from omniq.storage.events import BaseEventStorage, EventFilter
from omniq.testing.clock import START, VirtualClock
from omniq.testing.faults import FaultyEventStorage
from omniq.testing.kit.ground import PROJECT, Factory, Ground

__all__ = ("EventConformance",)


def event(at: Micros = START, **changes: Any) -> TaskEvent:
    return TaskEvent(**{"id": uuid.uuid4().hex, "type": EventType.COMPLETE, "at": at, **changes})


async def read_all(store: BaseEventStorage, where: EventFilter, limit: int = 100) -> list[TaskEvent]:
    """Walk every page to the end."""
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

    async def test_an_event_reads_back_as_it_was_written(self, store: BaseEventStorage) -> None:
        one = event(
            type=EventType.RETRY,
            task_id="t",
            name="shop.mail:send",
            queue="mail-1",
            attempt=3,
            worker="w",
            schedule="s",
            message='grün, it\'s "b"\n\x00',
        )
        await store.append([one])

        assert (await store.read(EventFilter())).items == [one]

    async def test_events_come_in_the_order_of_their_append_whatever_their_times(self, store: BaseEventStorage) -> None:
        written = [event(START + at) for at in (5, 3, 9, 3)]
        await store.append(written[:2])
        await store.append(written[2:])

        assert (await store.read(EventFilter())).items == written
        await store.append([])
        assert (await store.read(EventFilter())).items == written

    async def test_an_event_whose_id_is_there_is_left_alone(self, store: BaseEventStorage) -> None:
        first, other = event(message="first"), event()
        await store.append([first])

        await store.append([other, msgspec.structs.replace(first, message="second"), other])

        assert (await store.read(EventFilter())).items == [first, other]

    async def test_each_filter_narrows_what_is_read(self, store: BaseEventStorage) -> None:
        old = event(START, type=EventType.ENQUEUED, task_id="1", queue="a", name="m:one")
        young = event(START + 10, type=EventType.COMPLETE, task_id="2", queue="b", name="m:two")
        await store.append([old, young])

        for where, expected in (
            (EventFilter(), [old, young]),
            (EventFilter(types=frozenset({EventType.ENQUEUED})), [old]),
            (EventFilter(types=frozenset({EventType.ENQUEUED, EventType.COMPLETE})), [old, young]),
            (EventFilter(types=frozenset({EventType.ERROR})), []),
            (EventFilter(task_id="2"), [young]),
            (EventFilter(queue="a"), [old]),
            (EventFilter(name="m:two"), [young]),
            (EventFilter(name="m"), []),
            (EventFilter(since=START + 10), [young]),
            (EventFilter(until=START + 10), [old]),
            (EventFilter(queue="b", since=START + 11), []),
            (EventFilter(queue="b", task_id="2", name="m:two", until=START + 11), [young]),
        ):
            assert await read_all(store, where) == expected, where

    async def test_pages_cover_everything_once(self, store: BaseEventStorage) -> None:
        written = [event(START + n, queue="ab"[n % 2]) for n in range(11)]
        await store.append(written)

        for limit in (1, 2, 3, 100):
            assert await read_all(store, EventFilter(), limit) == written, limit
            assert await read_all(store, EventFilter(queue="b"), limit) == written[1::2], limit

    async def test_a_reader_that_goes_on_sees_what_came_later_and_only_that(self, store: BaseEventStorage) -> None:
        before, after = event(), event(START - HOUR)
        await store.append([before])
        page = await store.read(EventFilter())
        assert page.items == [before]
        await store.append([after])

        assert (await store.read(EventFilter(), after=page.next)).items == [after]

    async def test_a_purge_removes_what_is_older_and_stops_at_its_limit(self, store: BaseEventStorage) -> None:
        written = [event(START + n * SECOND) for n in range(6)]
        await store.append(written)

        assert [await store.purge(START + 5 * SECOND, 2) for _ in range(4)] == [2, 2, 1, 0]
        assert (await store.read(EventFilter())).items == written[5:]

    async def test_a_purge_does_not_lose_a_readers_place(self, store: BaseEventStorage) -> None:
        old, young = event(START), event(START + HOUR)
        await store.append([old])
        page = await store.read(EventFilter())
        await store.purge(START + 1, 10)
        await store.append([young])

        assert (await store.read(EventFilter(), after=page.next)).items == [young]

    async def test_a_call_that_comes_twice_or_again_after_a_lost_reply_changes_nothing(
        self, store: BaseEventStorage
    ) -> None:
        faulty = FaultyEventStorage(store)
        written = [event(START + n) for n in range(3)]

        await faulty.repeated("append", written)
        assert (await store.read(EventFilter())).items == written
        await faulty.repeated("purge", START + 1, 10)
        assert (await store.read(EventFilter())).items == written[1:]

    async def test_many_writers_lose_and_double_nothing(self, store: BaseEventStorage) -> None:
        written = [event(START + n) for n in range(40)]
        async with store.companion() as companion:
            await asyncio.gather(*((companion if n % 2 else store).append(written[n : n + 8]) for n in range(0, 40, 4)))

        found = await read_all(store, EventFilter(), 7)
        assert sorted(one.id for one in found) == sorted(one.id for one in written)

    async def test_two_projects_of_one_place_do_not_see_each_other(
        self, store: BaseEventStorage, factory: Factory[BaseEventStorage], clock: VirtualClock
    ) -> None:
        other = factory(f"{PROJECT}-other")
        other.clock = clock
        one = event()
        async with other:
            await store.append([one])
            assert (await other.read(EventFilter())).items == []
            await other.append([one])
            assert await other.purge(START + 1, 10) == 1

        assert (await store.read(EventFilter())).items == [one]

    async def test_a_handle_knows_its_place_and_time_and_opens_twice(
        self, store: BaseEventStorage, clock: VirtualClock, factory: Factory[BaseEventStorage]
    ) -> None:
        assert factory(PROJECT).capabilities == store.capabilities
        assert await store.server_now() == clock()
        one = event()
        async with store.companion() as companion:
            await companion.open()
            await companion.append([one])
        await companion.close()

        assert (await store.read(EventFilter())).items == [one]
