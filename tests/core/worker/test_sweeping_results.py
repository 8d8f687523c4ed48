"""Housekeeping of results that live elsewhere."""

import asyncio

from omniq.builtin.memory import MemoryBackend
from omniq.models.values import SECOND, wall_clock
from omniq.storage.records import Fence
from omniq.storage.results import StoredResult
from omniq.worker.sweeper import BOUND, Sweeper


async def test_a_sweep_purges_results_past_their_keep_all_of_them_and_no_others():
    backend = MemoryBackend()
    times = [wall_clock()]
    async with backend.tasks() as tasks, backend.results() as results:
        results.clock = lambda: times[0]
        old = [(Fence(f"old-{n}", 1, 1), StoredResult(value=b"x", keep=SECOND)) for n in range(BOUND + 1)]
        await results.put([*old, (Fence("new", 1, 1), StoredResult(value=b"x", keep=60 * SECOND))])
        sweeper = Sweeper(tasks, results, lease=SECOND, worker="w", crashed=lambda _: None, ended=lambda _: None)
        times[0] += 2 * SECOND

        assert await sweeper.sweep_once()
        assert await results.purge(1000) == 0
        times[0] -= 2 * SECOND
        assert await results.get([Fence("old-0", 1, 1)]) == [None]
        assert await results.get([Fence("new", 1, 1)]) != [None]
        assert not await sweeper.sweep_once()


def test_a_worker_sweeps_the_results_beside_its_tasks(rig, simulate):
    results = MemoryBackend().results()
    rig.options["results"] = results
    old = Fence("old", 1, 1)

    async def main():
        rig.options["results"].clock = rig.tasks.clock
        await results.open()
        await results.put([(old, StoredResult(value=b"x", keep=SECOND))])
        engine = rig.make()
        await rig.tasks.open()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(120)
        engine.stop()
        await running
        await results.open()
        return await results.purge(1000)

    assert simulate(main) == 0
