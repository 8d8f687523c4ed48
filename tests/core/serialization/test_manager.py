"""Types survive exactly; what does not travel is named; foreign bytes raise declared errors only."""

import contextlib
import dataclasses
import enum
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniq.errors import CodecRefused, PayloadTooLarge, Undecodable, Unserializable
from omniq.serialization.manager import SerializationManager


class Color(enum.Enum):
    RED = 1


class Point(msgspec.Struct):
    x: int
    tags: tuple[str, ...]


class Pair(NamedTuple):
    a: int
    b: set[int]


@dataclasses.dataclass(frozen=True)
class Order:
    id: UUID
    total: Decimal


SERIALIZER = SerializationManager()
VALUES = [
    (1, "a", (2.5, None)),
    {1, 2},
    frozenset({"a"}),
    b"\x00\xff",
    "a lone surrogate: \ud800",
    datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2026, 1, 1, tzinfo=UTC),
    date(2026, 2, 28),
    time(12, 30),
    timedelta(days=-1, microseconds=7),
    Decimal("1.20"),
    UUID(int=7),
    Color.RED,
    Path("a/b"),
    2**200,
    -(2**63) - 1,
    {1: "a", (2, 3): {"b": [4]}},
    Order(UUID(int=1), Decimal("9.90")),
    Point(1, ("x",)),
    Pair(1, {2}),
    [{"deep": [({"nested": {(1,)}},)]}],
    math.inf,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_what_it_was(value):
    back = SERIALIZER.load_result(SERIALIZER.dump_result(value))

    assert back == value
    assert type(back) is type(value)


def test_a_nan_comes_back():
    assert math.isnan(SERIALIZER.load_result(SERIALIZER.dump_result(math.nan)))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
NESTED = st.recursive(
    SCALARS | st.decimals(allow_nan=False) | st.uuids() | st.timedeltas(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


@given(NESTED)
def test_what_goes_in_comes_out(value):
    assert SERIALIZER.load_result(SERIALIZER.dump_result(value)) == value


@given(st.binary(max_size=200))
def test_foreign_bytes_raise_declared_errors_only(raw):
    for mark in (b"m", b"d", b""):
        with contextlib.suppress(Undecodable, CodecRefused):
            SERIALIZER.load_arguments(mark + raw)


def test_an_argument_that_does_not_travel_is_named_with_its_type():
    with pytest.raises(Unserializable) as caught:
        SERIALIZER.dump_arguments("shop:send", (1, {"who": [object()]}), {})

    assert str(caught.value) == (
        "argument 2['who'][0] of shop:send is of type object, which cannot be serialized; "
        "pass plain data, a dataclass or a msgspec.Struct"
    )


def test_a_payload_of_exactly_the_limit_passes_and_one_byte_more_does_not():
    small = SerializationManager(max_payload=1000)
    over = next(n for n in range(900, 1001) if len(SERIALIZER.dump_arguments("m:f", ("x" * n,), {})) > 1000)

    assert len(small.dump_arguments("m:f", ("x" * (over - 1),), {})) == 1000
    with pytest.raises(PayloadTooLarge):
        small.dump_arguments("m:f", ("x" * over,), {})


def test_dill_carries_a_closure_where_the_reader_accepts_it():
    n = 7
    trusting = SerializationManager(accept_dill=True)
    raw = trusting.dump_result(lambda: n)

    assert trusting.load_result(raw)() == 7
    with pytest.raises(CodecRefused):
        SERIALIZER.load_result(raw)
