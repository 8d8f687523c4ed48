"""What is sent is what arrives: the same value, of the same types, all the way down."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniq.serialization.detector import SerializationDetector
from omniq.serialization.manager import SerializationManager

manager = SerializationManager()


class Colour(Enum):
    RED = 1
    BLUE = (2, 3)


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Rights(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True, slots=True, order=True)
class Frozen:
    x: Any
    tags: list[str] = field(default_factory=list, compare=False)


@dataclass
class Counting:
    """Its construction must not happen twice."""

    x: int
    made: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.made += 1


class Order(msgspec.Struct, frozen=True):
    number: Any
    lines: list[Any] = []


class Raising(msgspec.Struct):
    x: int

    def __post_init__(self) -> None:
        self.x += 1


class Pair(NamedTuple):
    left: Any
    right: Any


Old = namedtuple("Old", "a b")


def there_and_back(value):
    return manager.load_result(manager.dump_result(value))


def picture(value):
    """A value with the types of all its parts; equal pictures mean equal values of equal types.

    NaN equals itself here, 1 differs from True and 1.0, and a set has its parts in one order.
    """
    kind = type(value)
    if isinstance(value, Enum):
        return kind, value.value
    if kind in (set, frozenset):
        return kind, sorted(map(repr, map(picture, value)))
    if isinstance(value, list | tuple):
        return kind, [picture(item) for item in value]
    if kind is dict:
        return kind, [(picture(key), picture(item)) for key, item in value.items()]
    if kind in (Point, Frozen, Counting, Order, Raising):
        names = getattr(kind, "__struct_fields__", None) or list(kind.__dataclass_fields__)
        return kind, [(name, picture(getattr(value, name))) for name in names]
    if kind in (datetime, time):
        return kind, value.isoformat(), value.fold, repr(value.tzinfo)
    return kind, repr(value)


offsets = st.sampled_from([UTC, *(timezone(timedelta(microseconds=n)) for n in (-90 * 60_000_000, 3_601_000_000, -1))])
hashable_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**80), max_value=2**80),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Lu"])),
    st.binary(),
    st.datetimes(timezones=st.none() | st.timezones() | offsets),
    st.dates(),
    st.times(timezones=st.none() | offsets),
    st.timedeltas(),
    st.decimals().filter(lambda value: not value.is_snan()),
    st.uuids(),
    st.sampled_from([Colour.RED, Colour.BLUE, Level.LOW, Word.YES, Rights.READ, Rights.READ | Rights.WRITE, Rights(0)]),
    st.sampled_from([Path("a/b"), Path("/"), Path("/x/\udcff"), PurePosixPath("a"), PureWindowsPath("c:/x")]),
)
keys = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Lu"])),
    st.integers(),
    st.booleans(),
    st.none(),
    st.dates(),
    st.tuples(st.integers(), st.text()),
)


def around(inner):
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.sets(hashable_leaves, max_size=4),
        st.frozensets(hashable_leaves, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(Frozen, inner, st.lists(st.text(), max_size=2)),
        st.builds(Order, inner, st.lists(inner, max_size=3)),
        st.builds(Pair, inner, inner),
        st.builds(Old, inner, inner),
        st.builds(Counting, st.integers()),
        st.builds(Raising, st.integers(max_value=100)),
    )


values = st.recursive(hashable_leaves, around, max_leaves=12)


@given(values)
def test_every_value_comes_back_with_the_types_of_all_its_parts(value):
    assert picture(there_and_back(value)) == picture(value)


@given(st.lists(values, max_size=4).map(tuple), st.dictionaries(st.text(), values, max_size=3))
def test_arguments_come_back_as_they_were(args, kwargs):
    back, named = manager.load_arguments(manager.dump_arguments("shop:send", args, kwargs))

    assert picture(tuple(back)) == picture(args)
    assert picture(named) == picture(kwargs)


@given(values)
def test_what_the_detector_calls_plain_needs_no_extension(value):
    detector = SerializationDetector()

    assert detector.obstacle(value) is None
    if detector.is_plain(value) and not has_wild_part(value):
        assert picture(msgspec.msgpack.decode(msgspec.msgpack.encode(value))) == picture(value)


def has_wild_part(value):
    """A lone surrogate or an int beyond 64 bits: plain by type, seen only by the encoder."""
    if isinstance(value, list):
        return any(map(has_wild_part, value))
    if isinstance(value, dict):
        return any(map(has_wild_part, value)) or any(map(has_wild_part, value.values()))
    if type(value) is str:
        return any("\ud800" <= char <= "\udfff" for char in value)
    return type(value) is int and not -(2**63) <= value < 2**64


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -0.0, Decimal("NaN"), Decimal("sNaN"), Decimal("-0.00")]
)
def test_numbers_that_are_unlike_others_stay_themselves(value):
    assert repr(there_and_back(value)) == repr(value)


def test_a_key_of_half_a_surrogate_pair_stays_itself():
    value = {"\ud800": 1, "a": {2: "\udfff"}}

    assert there_and_back(value) == value


def test_a_zone_stays_a_zone_with_both_sides_of_the_fold():
    berlin = ZoneInfo("Europe/Berlin")
    twice = [datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]

    back = there_and_back(twice)

    assert [(one.tzinfo, one.fold, one.utcoffset()) for one in back] == [
        (berlin, one.fold, one.utcoffset()) for one in twice
    ]


def test_a_construction_does_not_happen_again_on_arrival():
    assert there_and_back(Counting(1)).made == 1
    assert there_and_back(Raising(1)).x == 2


def test_equal_sets_give_equal_bytes_in_whatever_order_they_were_filled():
    forth, back = set(), set()
    for number in range(64):
        forth.add(number * 64)
        back.add((63 - number) * 64)

    assert manager.dump_result(forth) == manager.dump_result(back)


def test_a_big_int_has_no_limit_of_digits():
    huge = 7**9000

    assert there_and_back(huge) == huge


def test_a_field_that_is_new_gets_its_default():
    older = manager.dump_result(Frozen(1, ["a"])).replace(b"\x82\xa1x\x01\xa4tags\x91\xa1a", b"\x81\xa1x\x01")
    older = older[:1] + rewrapped(older)

    assert manager.load_result(older) == Frozen(1)
    assert manager.load_result(older).tags == []


def rewrapped(blob):
    """The one extension of this blob again, with a length that fits its content."""
    start = blob.index(b"\x92")
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(15, blob[start:]))
