"""The promise under fire on a Redis server, with another seed than the file's."""

from __future__ import annotations

import sys
import uuid

import pytest
from chaos_run import Plan, run


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_task_is_lost_or_ended_twice_while_workers_on_redis_are_killed_and_frozen(
    redis_server, tmp_path, monkeypatch
):
    for name in ("OMNIQ_BACKEND", "CHAOS_FOLDER", "CHAOS_LEASE"):
        monkeypatch.setenv(name, "")  # the run sets them for its workers: taken back at the end
    monkeypatch.setenv("OMNIQ_PROJECT_NAME", uuid.uuid4().hex)
    monkeypatch.delitem(sys.modules, "chaos_app", raising=False)  # its app would be the one of another run
    plan = Plan(tasks=1000, workers=2, kills=5, stops=2, lease=1.0, seed=2)

    outcome = await run(redis_server.url, tmp_path, plan)

    assert outcome.right, outcome
    assert outcome.faults["killed"] == plan.kills
    assert outcome.faults["frozen"] >= plan.stops
    assert outcome.starts > plan.tasks, "no fault met a running body: the run showed nothing"
