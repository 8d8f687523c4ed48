"""The promise under fire, small enough for every change: kills, and freezes beyond the lease, on one file."""

from __future__ import annotations

import pytest
from chaos_run import Plan, run


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_task_is_lost_or_ended_twice_while_workers_are_killed_and_frozen(tmp_path, monkeypatch):
    for name in ("OMNIQ_BACKEND", "CHAOS_FOLDER", "CHAOS_LEASE"):
        monkeypatch.setenv(name, "")  # the run sets them for its workers: taken back at the end
    plan = Plan(tasks=1000, workers=2, kills=5, stops=2, lease=1.0)

    outcome = await run(f"sqlite:///{tmp_path}/chaos.db", tmp_path, plan)

    assert outcome.right, outcome
    assert outcome.faults["killed"] == plan.kills
    assert outcome.faults["frozen"] >= plan.stops
    assert outcome.starts > plan.tasks, "no fault met a running body: the run showed nothing"
