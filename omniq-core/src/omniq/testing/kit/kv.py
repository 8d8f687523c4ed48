"""Cases of the versioned key-value space that schedules and presence live in."""

from __future__ import annotations

import asyncio

from omniq.models.values import SECOND
from omniq.storage.records import KvEntry
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.ground import Ground

__all__ = ("KvCases",)


async def put(store: BaseTaskQueue, key: str, value: bytes, **options: int | None) -> int:
    """Write one entry; the compare must hold."""
    version = await store.kv_put("ns", key, value, **options)  # type: ignore[arg-type]
    assert version is not None
    assert version >= 1
    return version


class KvCases(Ground):
    """Of two writers that saw the same version one wins, and the other is told."""

    async def test_an_entry_reads_back_with_its_version(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        assert await store.kv_get("ns", "k") is None
        version = await put(store, "k", b"\x00v", due=clock() + SECOND)

        assert await store.kv_get("ns", "k") == KvEntry(key="k", value=b"\x00v", version=version, due=clock() + SECOND)
        assert await store.kv_get("other", "k") is None

    async def test_every_change_makes_another_version(self, store: BaseTaskQueue) -> None:
        first = await put(store, "k", b"1")
        second = await put(store, "k", b"2", expect=first)
        third = await put(store, "k", b"3")

        assert len({first, second, third}) == 3
        found = await store.kv_get("ns", "k")
        assert found is not None
        assert (found.value, found.version, found.due) == (b"3", third, None)

    async def test_a_missed_expectation_writes_nothing(self, store: BaseTaskQueue) -> None:
        assert await store.kv_put("ns", "k", b"0", expect=5) is None
        assert await store.kv_get("ns", "k") is None
        first = await put(store, "k", b"1", expect=0)
        second = await put(store, "k", b"2", expect=first)

        assert await store.kv_put("ns", "k", b"x", expect=first) is None
        assert await store.kv_put("ns", "k", b"x", expect=0) is None
        assert await store.kv_get("ns", "k") == KvEntry(key="k", value=b"2", version=second)

    async def test_our_own_lost_reply_is_not_a_miss(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        due = clock() + SECOND
        first = await put(store, "k", b"1", expect=0, due=due)
        assert await store.kv_put("ns", "k", b"1", expect=0, due=due) is not None
        second = await put(store, "k", b"2", expect=first, due=due)

        assert await store.kv_put("ns", "k", b"2", expect=first, due=due) == second
        assert await store.kv_put("ns", "k", b"2", expect=first, due=due + 1) is None
        assert await store.kv_put("ns", "k", b"2", expect=first) is None

    async def test_of_many_writers_one_wins(self, store: BaseTaskQueue) -> None:
        first = await put(store, "k", b"start")
        async with store.companion() as companion:
            versions = await asyncio.gather(
                *((companion if n % 2 else store).kv_put("ns", "k", str(n).encode(), expect=first) for n in range(16))
            )

        [winner] = [n for n, version in enumerate(versions) if version is not None]
        found = await store.kv_get("ns", "k")
        assert found is not None
        assert found.value == str(winner).encode()

    async def test_a_delete_compares_too(self, store: BaseTaskQueue) -> None:
        version = await put(store, "k", b"1")

        assert not await store.kv_delete("ns", "k", expect=version + 1_000)
        assert await store.kv_delete("ns", "k", expect=version)
        assert await store.kv_delete("ns", "k", expect=version)
        assert await store.kv_delete("ns", "k")
        assert await store.kv_get("ns", "k") is None

    async def test_a_new_entry_never_answers_to_an_old_version(self, store: BaseTaskQueue) -> None:
        old = await put(store, "k", b"1")
        await store.kv_delete("ns", "k")
        await put(store, "k", b"2", expect=0)
        await put(store, "k", b"3")

        found = await store.kv_get("ns", "k")
        assert found is not None
        assert found.version != old

    async def test_a_list_walks_its_namespace_in_the_order_of_keys(self, store: BaseTaskQueue) -> None:
        for name in ("b", "a", "d", "c", "e"):
            await put(store, name, name.encode())
        await store.kv_put("other", "f", b"")

        seen: list[str] = []
        after: str | None = None
        while True:
            page, after = await store.kv_list("ns", limit=2, after=after)
            seen += [entry.key for entry in page]
            if after is None:
                break

        assert seen == ["a", "b", "c", "d", "e"]
        assert await store.kv_list("empty") == ([], None)

    async def test_due_gives_what_is_past_earliest_first_and_the_time_to_the_next(
        self, store: BaseTaskQueue, clock: VirtualClock
    ) -> None:
        start = clock()
        for name, seconds in (("late", 9), ("second", 2), ("first", 1)):
            await put(store, name, b"", due=start + seconds * SECOND)
        await put(store, "never", b"")
        await store.kv_put("other", "k", b"", due=start)
        assert await store.kv_due("ns") == ([], SECOND)
        clock.advance("3s")

        entries, left = await store.kv_due("ns")

        assert [entry.key for entry in entries] == ["first", "second"]
        assert left == 6 * SECOND
        entries, _ = await store.kv_due("ns", limit=1)
        assert [entry.key for entry in entries] == ["first"]
        clock.advance("6s")
        entries, left = await store.kv_due("ns")
        assert ([entry.key for entry in entries], left) == (["first", "second", "late"], None)

    async def test_a_moved_due_is_the_only_one(self, store: BaseTaskQueue, clock: VirtualClock) -> None:
        await put(store, "k", b"", due=clock() - SECOND)
        await put(store, "k", b"", due=clock() + SECOND)
        assert await store.kv_due("ns") == ([], SECOND)

        await put(store, "k", b"")
        assert await store.kv_due("ns") == ([], None)
