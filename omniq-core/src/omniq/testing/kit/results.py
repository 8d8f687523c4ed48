"""Cases of a result store: results keyed by the whole fence, put before the settlement."""

from __future__ import annotations

import asyncio

import msgspec

from omniq.models.values import HOUR, MILLISECOND, SECOND, new_id
from omniq.storage.records import Fence
from omniq.storage.results import BaseResultStorage, StoredResult
from omniq.testing.clock import VirtualClock
from omniq.testing.faults import FaultyResultStorage
from omniq.testing.kit.ground import PROJECT, Factory, Ground
from omniq.testing.kit.words import FUSE

__all__ = ("ResultConformance",)


def fence(**changes: int) -> Fence:
    return msgspec.structs.replace(Fence(new_id(), 1, 7), **changes)


def value(data: bytes, keep: int = HOUR) -> StoredResult:
    return StoredResult(value=data, keep=keep)


class ResultConformance(Ground):
    """Every case of a result store. Subclass it and override the fixture `factory`, as for QueueConformance."""

    async def test_results_are_answered_in_order_and_unknown_ones_are_none(self, store: BaseResultStorage) -> None:
        good, bad = fence(), fence()
        await store.put([(good, value(b"\x00v")), (bad, StoredResult(error=b"why", keep=HOUR))])

        found = await store.get([bad, fence(), good])

        assert [None if one is None else (one.value, one.error) for one in found] == [
            (None, b"why"),
            None,
            (b"\x00v", None),
        ]
        await store.put([])
        assert await store.get([]) == []

    async def test_a_result_is_found_by_the_whole_fence_only(self, store: BaseResultStorage) -> None:
        first = fence()
        second = msgspec.structs.replace(first, attempt=2)
        third = msgspec.structs.replace(first, claim_id=8)
        await store.put([(first, value(b"1"))])

        assert await store.get([second, third]) == [None, None]
        await store.put([(second, value(b"2"))])
        assert [one.value for one in await store.get([first, second]) if one is not None] == [b"1", b"2"]

    async def test_a_repeat_replaces(self, store: BaseResultStorage) -> None:
        one = fence()
        for data in (b"1", b"2", b"2"):
            await store.put([(one, value(data))])

        [found] = await store.get([one])
        assert found is not None
        assert found.value == b"2"

    async def test_an_empty_value_is_not_a_missing_one(self, store: BaseResultStorage) -> None:
        one = fence()
        await store.put([(one, value(b""))])

        [found] = await store.get([one])
        assert found is not None
        assert found.value == b""

    async def test_a_result_past_its_keep_is_gone_and_purged(
        self, store: BaseResultStorage, clock: VirtualClock
    ) -> None:
        short, long = fence(), fence()
        await store.put([(short, value(b"s", SECOND)), (long, value(b"l"))])
        clock.step(SECOND - 1)
        assert None not in await store.get([short, long])
        clock.step(2)

        assert (await store.get([short, long]))[0] is None
        assert await store.purge(100) == 1
        assert await store.purge(100) == 0
        assert (await store.get([long]))[0] is not None

    async def test_a_purge_stops_at_its_limit(self, store: BaseResultStorage, clock: VirtualClock) -> None:
        await store.put([(fence(), value(b"", SECOND)) for _ in range(5)])
        clock.advance("2s")

        assert [await store.purge(2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_deleting_leaves_the_rest_and_takes_unknown_ones(self, store: BaseResultStorage) -> None:
        gone, stays = fence(), fence()
        await store.put([(gone, value(b"1")), (stays, value(b"2"))])

        await store.delete([gone, fence(), gone])

        assert [one is None for one in await store.get([gone, stays])] == [True, False]

    async def test_a_wait_answers_what_is_there_at_once(self, store: BaseResultStorage) -> None:
        here = fence()
        await store.put([(here, value(b"v"))])

        assert await asyncio.wait_for(store.wait([fence(), here], timeout=HOUR), FUSE) == [here]
        assert await store.wait([fence()], timeout=0) == []
        assert await asyncio.wait_for(store.wait([fence()], timeout=20 * MILLISECOND), FUSE) == []

    async def test_a_wait_is_woken_by_a_put_of_another_handle(self, store: BaseResultStorage) -> None:
        one = fence()
        waiting = asyncio.ensure_future(store.wait([one], timeout=HOUR))
        for _ in range(10):
            await asyncio.sleep(0)
        async with store.companion() as companion:
            await companion.put([(one, value(b"v"))])

        assert await asyncio.wait_for(waiting, FUSE) == [one]

    async def test_a_handle_knows_its_place_and_time_and_opens_twice(
        self, store: BaseResultStorage, clock: VirtualClock, factory: Factory[BaseResultStorage]
    ) -> None:
        assert factory(PROJECT).capabilities == store.capabilities
        assert await store.server_now() == clock()
        one = fence()
        async with store.companion() as companion:
            await companion.open()
            await companion.put([(one, value(b"v"))])
        await companion.close()

        assert (await store.get([one]))[0] is not None

    async def test_a_call_in_bad_weather_leaves_what_one_call_leaves(
        self, store: BaseResultStorage, clock: VirtualClock
    ) -> None:
        faulty = FaultyResultStorage(store)
        kept, short, gone = fence(), fence(), fence()

        await faulty.repeated("put", [(kept, value(b"k")), (short, value(b"s", SECOND)), (gone, value(b"g"))])
        await faulty.repeated("delete", [gone])
        clock.step(SECOND)
        await faulty.repeated("purge", 100)
        assert await faulty.repeated("wait", [gone, kept], timeout=0) == [kept]

        [found, *rest] = await faulty.repeated("get", [kept, short, gone])
        assert found.value == b"k"
        assert rest == [None, None]

    async def test_a_put_that_arrives_late_is_found_by_its_own_fence_only(self, store: BaseResultStorage) -> None:
        stale = fence()
        valid = msgspec.structs.replace(stale, attempt=2)
        faulty = FaultyResultStorage(store)
        with faulty.delay("put") as asked:
            late = asyncio.ensure_future(faulty.put([(stale, value(b"stale"))]))
            await asked.wait()
            await store.put([(valid, value(b"valid"))])
        await late

        [found] = await store.get([valid])
        assert found is not None
        assert found.value == b"valid"

    async def test_many_writers_lose_nothing(self, store: BaseResultStorage) -> None:
        fences = [fence() for _ in range(60)]
        async with store.companion() as companion:
            await asyncio.gather(
                *((companion if n % 2 else store).put([(one, value(str(n).encode()))]) for n, one in enumerate(fences))
            )

        assert [one and one.value for one in await store.get(fences)] == [str(n).encode() for n in range(60)]

    async def test_two_projects_of_one_place_do_not_see_each_other(
        self, store: BaseResultStorage, factory: Factory[BaseResultStorage], clock: VirtualClock
    ) -> None:
        other = factory(f"{PROJECT}-other")
        other.clock = clock
        one = fence()
        async with other:
            await store.put([(one, value(b"ours"))])
            assert await other.get([one]) == [None]
            await other.put([(one, value(b"theirs", SECOND))])
            await other.delete([one])

        [found] = await store.get([one])
        assert found is not None
        assert found.value == b"ours"
