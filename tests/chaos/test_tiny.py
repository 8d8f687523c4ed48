"""The promise under fire, small enough for every change: kills, freezes beyond the lease, and an outage."""

from __future__ import annotations

import pytest
from arenas import ARENAS
from chaos_run import Plan, run


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("OMNIQ_BACKEND", "CHAOS_FOLDER", "CHAOS_LEASE"):
        monkeypatch.setenv(name, "")  # the run sets them for its workers: taken back at the end


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("arena", ARENAS)
async def test_no_task_is_lost_or_ended_twice_whatever_is_done_to_workers_and_store(tmp_path, arena):
    plan = Plan(tasks=1000, workers=2, kills=5, stops=2, outages=1, lease=1.0)

    with ARENAS[arena](tmp_path) as place:
        outcome = await run(place, tmp_path, plan)

    assert outcome.right, outcome
    assert (outcome.faults["killed"], outcome.faults["down"], outcome.faults["up"]) == (plan.kills, 1, 1)
    assert outcome.faults["frozen"] >= plan.stops
    assert outcome.starts > plan.tasks, "no fault met a running body: the run showed nothing"
