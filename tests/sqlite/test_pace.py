"""What is run on the event loop follows from how long it took lately."""

from omniq_sqlite.pace import LONGEST, Pace


def test_a_few_rows_of_an_unknown_kind_are_short_and_thousands_are_not():
    pace = Pace()

    assert pace.is_short("claim", 10)
    assert not pace.is_short("claim", 5000)


def test_a_kind_that_turns_out_fast_may_take_many_rows():
    pace = Pace()
    for _ in range(30):
        pace.learn("claim", 100, 100 * 0.000006)

    assert pace.is_short("claim", 120)
    assert not pace.is_short("settle", 120)


def test_a_kind_that_turns_out_slow_leaves_the_loop_and_is_tried_again():
    pace = Pace()
    for _ in range(30):
        pace.learn("claim", 1, 10 * LONGEST)

    refused = 0
    while not pace.is_short("claim", 1):
        refused += 1

    assert 20 < refused < 500
