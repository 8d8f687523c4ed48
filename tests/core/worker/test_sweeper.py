"""Housekeeping of results that live elsewhere."""

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
