"""Durations, times, ids and names."""

import random
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from omniq.errors import InvalidName, InvalidOption, NaiveDatetime
from omniq.models.values import at_micros, check_name, derived_id, new_id, span, span_text, to_datetime


@pytest.mark.parametrize(
    ("given", "micros"),
    [
        (1, 1_000_000),
        (0.25, 250_000),
        ("30s", 30_000_000),
        ("1h30m", 5_400_000_000),
        ("1h 30m", 5_400_000_000),
        ("1.5ms", 1_500),
        (timedelta(minutes=2, microseconds=7), 120_000_007),
        (0, 0),
    ],
)
def test_a_duration_becomes_microseconds(given, micros):
    assert span(given) == micros


@pytest.mark.parametrize("given", ["", "soon", "5", "5 parsecs", "-5s", -1, float("nan"), float("inf"), True, None])
def test_what_is_no_duration_is_refused_by_the_name_of_its_option(given):
    with pytest.raises(InvalidOption, match="timeout"):
        span(given, "timeout")


@pytest.mark.parametrize(
    ("micros", "text"), [(90_000, "90 ms"), (2_100_000, "2.1 s"), (240_000_000, "4 min"), (5, "5 µs")]
)
def test_a_duration_is_shown_in_the_largest_unit_that_fits(micros, text):
    assert span_text(micros) == text


def test_an_aware_time_survives_the_way_to_microseconds_and_back():
    moment = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))

    assert to_datetime(at_micros(moment)) == moment
    assert to_datetime(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_naive_time_is_refused_with_the_way_out():
    with pytest.raises(NaiveDatetime) as caught:
        at_micros(datetime(2026, 1, 2), "run_at")

    assert str(caught.value) == (
        "run_at=2026-01-02 00:00:00 has no time zone; "
        "pass an aware datetime, for example datetime.now(UTC) + timedelta(hours=1)"
    )


def test_ids_are_uuid7_and_increase_even_within_a_tick():
    ids = [new_id() for _ in range(5_000)]

    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    assert ids == sorted(set(ids))


def test_a_users_seed_does_not_repeat_ids():
    random.seed(0)
    first = new_id()
    random.seed(0)

    assert new_id()[-12:] != first[-12:]


def test_a_derived_id_is_the_same_for_the_same_parts_only():
    assert derived_id("a", "bc") == derived_id("a", "bc")
    assert derived_id("a", "bc") != derived_id("ab", "c")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a.b", "ä", "x" * 65, "a\n"])
def test_a_name_outside_the_grammar_is_refused(name):
    with pytest.raises(InvalidName, match="queue name"):
        check_name("queue", name)
