"""The promise under fire, small enough for every change: kills, freezes beyond the lease, late holders, an outage."""

from __future__ import annotations

import pytest
from arenas import ARENAS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("arena", ARENAS)
def test_no_task_is_lost_or_ended_twice_whatever_is_done_to_workers_and_store(chaos, arena):
    report = chaos(arena, tasks=1000, workers=2, kills=5, stops=2, outages=1, zombies=2, lease=1.0)

    outcome = report["outcome"]
    assert report["verdict"] == "right", outcome
    assert (outcome["faults"]["killed"], outcome["faults"]["down"], outcome["faults"]["up"]) == (5, 1, 1)
    assert outcome["faults"]["frozen"] >= 4
    assert outcome["starts"] > outcome["tasks"], "no fault met a running body: the run showed nothing"


def test_a_fence_that_was_taken_from_the_fast_path_is_seen(chaos):
    report = chaos(plant="unfenced", tasks=300, kills=0, stops=0, outages=0, zombies=4)

    outcome = report["outcome"]
    assert report["verdict"] == "NOT RIGHT"
    assert outcome["unfenced"]
    assert set(outcome["unfenced"]) <= set(outcome["stale_values"])
