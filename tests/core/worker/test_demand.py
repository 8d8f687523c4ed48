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


def test_one_odd_length_or_trip_moves_the_measure_by_a_fifth():
    demand = seen(100, 0.001, trip=0.05)  # the measured trip begins at 0, so this one counts as 0.01
    demand.saw_task(1.001)
    demand.saw_trip(0.06)

    assert demand.ahead == 20  # 100 slots, two trips of 0.02 s, a length of 0.201 s


def test_what_is_fetched_ahead_covers_two_round_trips():
    assert seen(10, 0.01, trip=0.5).ahead == 200
    assert seen(10, 0.1, trip=0.5).ahead == 20


def test_a_claim_is_worth_it_at_half_of_what_is_fetched_ahead_and_at_a_hundred_in_any_case():
    some, most = seen(10, 0.1, trip=0.5), seen(300, 0.00001)

    assert (some.ahead, some.want(10, 11), some.want(10, 10)) == (20, 0, 10)
    assert (most.want(300, 101), most.want(300, 100)) == (0, 100)


def test_waiting_tasks_never_shorten_the_measure():
    demand = seen(10, 5.0)
    demand.saw_waiting(1.0)
    demand.saw_trip(2.0)

    assert demand.ahead == 2  # with a length of 1 s it would be 9


def test_stuck_slots_are_not_filled():
    demand = Demand(2)

    assert demand.want(0, 0, stuck=1) == 1
    assert demand.want(1, 0, stuck=1) == 0
    assert demand.want(0, 0, stuck=2) == 0
