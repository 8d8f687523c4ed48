"""Handles are opened where they are needed, and belong to that loop."""

import asyncio
import threading

import pytest
from tests.core.homed import HomedStore

from omniq.builtin.memory.backend import MemoryBackend
from omniq.client.once import once
from omniq.client.stores import Stores
from omniq.config.configured import serializer_of
from omniq.config.resolve import Places, resolve
from omniq.direct import drive
from omniq.errors import StoreUnavailable


@pytest.fixture
def homed():
    return Stores(HomedStore(MemoryBackend().tasks()))


@pytest.fixture
def direct():
    return Stores(MemoryBackend().tasks())


async def test_callers_at_one_time_share_one_open_handle(homed):
    first, second = await asyncio.gather(homed.here(), homed.here())

    assert first is second
    assert first.tasks is homed.tasks


async def test_another_loop_gets_a_handle_of_its_own(homed):
    mine = await homed.here()
    other = await asyncio.to_thread(asyncio.run, homed.here())

    assert other.tasks is not mine.tasks
    assert await mine.tasks.stats() == []


def test_a_loop_that_is_gone_keeps_nobody_out(homed):
    async def count():
        return await (await homed.here()).tasks.stats()

    assert asyncio.run(count()) == []
    assert asyncio.run(count()) == []


async def test_what_was_closed_opens_again(homed):
    first = await homed.here()
    await homed.close()

    assert not homed.is_open
    assert (await homed.here()).tasks is first.tasks


async def test_a_direct_store_has_one_handle_for_everybody(direct):
    handles = await direct.here()

    assert drive(direct.here()) is handles
    assert await asyncio.to_thread(asyncio.run, direct.here()) is handles


async def test_tasks_are_closed_again_where_the_results_do_not_open():
    class Broken(type(MemoryBackend().results())):
        async def open(self):
            raise StoreUnavailable("gone")

    backend = MemoryBackend()
    stores = Stores(HomedStore(backend.tasks()), Broken(backend._results))

    with pytest.raises(StoreUnavailable):
        await stores.here()

    assert stores.tasks.home is None
    assert not stores.is_open


def test_a_value_made_at_first_use_is_one_for_all_threads():
    barrier, seen = threading.Barrier(4), []

    class Owner:
        @once
        def value(self):
            barrier.wait(10)  # all of them are in here before one has an answer
            return object()

    owner = Owner()
    threads = [threading.Thread(target=lambda: seen.append(owner.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 4
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    ("tasks", "results", "accepted"),
    [(True, None, True), (True, True, True), (True, False, False), (False, True, False), (False, None, False)],
)
def test_dill_is_accepted_only_where_every_store_that_is_read_is_private(tasks, results, accepted):
    def backend(private):
        made = MemoryBackend()
        made.private = private
        return made

    found = Places(tasks=backend(tasks), results=None if results is None else backend(results))

    assert serializer_of(found, resolve(environ={})).accept_dill is accepted
