"""The appetite of a worker."""

from __future__ import annotations

from omniq.worker.demand import MOST_AHEAD, Demand


def seen(slots: int, seconds: float, trip: float = 0.001) -> Demand:
    demand = Demand(slots)
    demand.saw_task(seconds)
    demand.saw_trip(trip)
    return demand


def test_a_fresh_worker_asks_for_its_slots_only():
    assert Demand(10).want(0, 0) == 10


def test_a_fresh_worker_does_not_guess_that_tasks_are_short():
    demand = Demand(10)
    demand.saw_trip(0.5)

    assert demand.ahead == 0


def test_short_tasks_are_fetched_ahead_up_to_a_bound():
    assert seen(10, 0.00001).ahead == MOST_AHEAD


def test_tasks_of_a_second_are_not_fetched_ahead():
    assert seen(10, 1.0).ahead == 0


def test_a_busy_worker_waits_until_a_claim_is_worth_it():
    demand = seen(10, 0.00001)

    assert demand.want(10, 150) == 0
    assert demand.want(10, 100) == 100


def test_an_idle_worker_claims_whatever_fits():
    assert seen(10, 0.00001).want(0, 0) == 10 + MOST_AHEAD


def test_tasks_that_found_no_slot_end_the_fetching_ahead():
    demand = seen(10, 0.00001)
    demand.saw_waiting(1.0)
    demand.saw_trip(0.001)

    assert demand.ahead == 0


def test_stuck_slots_are_not_filled():
    demand = Demand(2)

    assert demand.want(0, 0, stuck=1) == 1
    assert demand.want(1, 0, stuck=1) == 0
    assert demand.want(0, 0, stuck=2) == 0
