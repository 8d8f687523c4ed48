"""The promise under fire, small enough for every change: kills, and freezes beyond the lease, on one file."""

from __future__ import annotations

from collections import Counter

import pytest
from chaos_history import judge
from chaos_run import Plan, run

pytest.importorskip("omniq_sqlite.plugin")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_task_is_lost_or_ended_twice_while_workers_are_killed_and_frozen(tmp_path):
    plan = Plan(tasks=1000, workers=2, kills=5, stops=2, lease=1.0)

    history = await run(f"sqlite:///{tmp_path}/chaos.db", tmp_path, plan)
    verdict = judge(history)

    assert verdict.right, verdict
    assert Counter(one.state for one in set(history.seen)) == {"succeeded": plan.tasks}
    faults = Counter(fault.what for fault in history.faults)
    assert (faults["kill"], faults["stop"]) == (plan.kills, plan.stops)
    assert verdict.second_starts > 0, "no fault met a running body: the run showed nothing"
