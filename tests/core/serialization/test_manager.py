"""What does not travel is refused by name; what cannot be read is refused by one of two errors."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omniq.errors import CodecRefused, PayloadTooLarge, Undecodable, Unserializable
from omniq.serialization.codecs import DILL, MSGSPEC, DillSerializer
from omniq.serialization.manager import SerializationManager

manager = SerializationManager()
trusting = SerializationManager(accept_dill=True)


@dataclass
class Order:
    lines: list[Any]


class Text(str):
    pass


class Opaque:
    pass


class Unpicklable:
    def __reduce__(self) -> Any:
        raise ZeroDivisionError


class OddZone(tzinfo):
    pass


def foreign(module, name):
    """A class that looks as if it came from a library that need not be installed."""
    base = type(name, (), {"__module__": module})
    return type("User", (base,), {})()


def refused(*args, by=manager, **kwargs):
    with pytest.raises(Unserializable) as caught:
        by.dump_arguments("shop:send", args, kwargs)
    return str(caught.value)


def test_a_refusal_names_the_position_the_place_inside_and_the_type():
    assert refused(1, {"rows": [Order([object()])]}) == (
        "argument 2['rows'][0].lines[0] of shop:send is of type object, which cannot be serialized; "
        "pass plain data, a dataclass or a msgspec.Struct"
    )


def test_a_refusal_names_the_keyword():
    assert refused(user=Text("ann")).startswith(
        "argument 'user' of shop:send is of type test_manager.Text".replace("test_manager", Text.__module__)
    )


def test_a_refused_key_is_named():
    assert refused({Opaque(): 1}).startswith("argument 1[key <")


class Unshown:
    def __repr__(self) -> str:
        raise ZeroDivisionError


def test_a_key_that_cannot_be_shown_is_refused_by_its_type():
    assert refused({Unshown(): 1}).startswith("argument 1[key a Unshown] of shop:send is of type")


def test_a_name_of_half_a_surrogate_pair_is_refused():
    assert "the name of argument '\\ud800' of shop:send" in refused(**{"\ud800": 1})


def test_a_zone_without_a_key_is_refused():
    smallest = b"TZif" + bytes(16) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    zone = ZoneInfo.from_file(io.BytesIO(smallest))

    assert "a ZoneInfo without a key" in refused(datetime(2025, 1, 1, tzinfo=zone))


def test_a_refused_result_is_named():
    with pytest.raises(Unserializable) as caught:
        manager.dump_result([1, {"a": object()}])

    assert caught.value.where == "the result[1]['a']"


@pytest.mark.parametrize(
    ("value", "way"),
    [
        (foreign("pydantic.main", "BaseModel"), "pass value.model_dump() and build the model in the task"),
        (foreign("django.db.models.base", "Model"), "pass its primary key and load it in the task"),
        (foreign("numpy", "ndarray"), "pass value.tolist(), or write it to a file and pass the path"),
        (bytearray(b"a"), "pass bytes(value)"),
        (ValueError("no"), "pass str(value)"),
        ((number for number in ()), "pass list(value)"),
        (datetime(2025, 1, 1, tzinfo=OddZone()), "use a zoneinfo.ZoneInfo or datetime.timezone"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_known_type_that_does_not_travel_names_the_way(value, way):
    assert refused(value).endswith(f"which cannot be serialized; {way}")


@pytest.mark.parametrize("by", [manager, trusting], ids=["data only", "with dill"])
def test_an_open_file_does_not_travel_by_any_codec(by):
    with open(os.devnull) as file:  # noqa: PTH123 - the thing itself
        assert refused(file, by=by).endswith("pass its path and open it in the task")


@pytest.mark.parametrize("by", [manager, trusting], ids=["data only", "with dill"])
def test_a_model_does_not_travel_by_any_codec(by):
    assert "model_dump()" in refused(foreign("pydantic.main", "BaseModel"), by=by)


def test_a_class_inside_a_function_is_refused():
    @dataclass
    class Local:
        x: int

    assert refused(Local(1)).endswith("define its class at the top level of a module")


def test_what_contains_itself_is_refused():
    ring: list[Any] = []
    ring.append(ring)

    assert "it is nested deeper than 64, or contains itself" in refused(ring)


def test_nesting_is_accepted_up_to_the_limit():
    deep: Any = 1
    for _ in range(64):
        deep = (deep,)

    assert manager.load_result(manager.dump_result(deep)) == deep
    assert "nested deeper" in refused((deep,))


def test_arguments_are_accepted_up_to_the_limit():
    small = SerializationManager(max_payload=64, max_result=64)
    room = 64 - len(small.dump_arguments("a:b", (b"",), {}))

    assert len(small.dump_arguments("a:b", (bytes(room),), {})) == 64
    with pytest.raises(PayloadTooLarge) as caught:
        small.dump_arguments("a:b", (bytes(room + 1),), {})
    assert str(caught.value) == (
        "the arguments of a:b are 65 bytes, the limit is 64 bytes; pass a path or a URL instead of the data"
    )
    with pytest.raises(PayloadTooLarge, match="the bytes of the result are 65 bytes"):
        small.dump_result(bytes(65 - 3))


def test_a_size_is_looked_at_before_the_content():
    with pytest.raises(Undecodable, match="300000 bytes are more than the limit of 262144"):
        manager.load_result(bytes((DILL,)) * 300_000)
    with pytest.raises(Undecodable, match="more than the limit"):
        manager.load_arguments(bytes((MSGSPEC,)) * 300_000)


def test_dill_carries_a_function_where_it_is_accepted():
    step = 3

    back, _ = trusting.load_arguments(trusting.dump_arguments("a:b", (lambda value: value + step,), {}))

    assert back[0](4) == 7


def test_dill_is_not_taken_for_what_travels_without():
    assert trusting.dump_result({(1, 2): {3}})[0] == MSGSPEC
    assert trusting.dump_arguments("a:b", ((1,),), {})[0] == MSGSPEC


def test_dill_is_written_only_where_it_is_accepted():
    assert refused(lambda: 1).endswith("pass its task name, or data that says what to do")


def test_dill_is_read_only_where_it_is_accepted():
    blob = trusting.dump_result(lambda: 1)

    with pytest.raises(CodecRefused) as caught:
        manager.load_result(blob)
    assert str(caught.value) == (
        "codec 'dill' is refused: others can write to this store, and reading it runs their code"
    )
    with pytest.raises(CodecRefused):
        manager.load_arguments(blob)


def test_what_dill_cannot_carry_is_refused_as_well():
    assert "dill cannot carry it either (ZeroDivisionError)" in refused(Unpicklable(), by=trusting)


def test_what_lives_in_one_process_does_not_travel_by_any_codec():
    assert refused([threading.Lock()], by=trusting).endswith("it lives in this process only; make one in the task")


def test_dill_of_another_python_is_refused():
    body = DillSerializer().dumps(1)

    with pytest.raises(CodecRefused, match=r"written by Python 3\.7, read by"):
        trusting.load_result(bytes((DILL, 3, 7)) + body[2:])


def test_damaged_dill_is_undecodable():
    with pytest.raises(Undecodable):
        trusting.load_result(trusting.dump_result(lambda: 1)[:-5])


def ext(code, content):
    return bytes((MSGSPEC,)) + msgspec.msgpack.encode(msgspec.msgpack.Ext(code, msgspec.msgpack.encode(content)))


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x00",
        b"m",
        b"x1",
        b"m" + b"\x91" * 200_000,
        b"m\xdd\xff\xff\xff\xff",
        b"m\xdf\xff\xff\xff\xff\x01",
        b"m\xc6\xff\xff\xff\xff",
        ext(99, 1),
        ext(2, [[]]),
        ext(4, [1]),
        ext(5, "no bytes"),
        ext(7, ["2025-13-01", 0]),
        ext(7, ["2025-01-01", 0, "../../etc/passwd"]),
        ext(10, [10**10, 0, 0]),
        ext(11, "ten"),
        ext(11, [1]),
        ext(12, b"short"),
        ext(13, ["Popen", b"x"]),
        ext(14, ["omniq.models.states:State", "ABSENT"]),
    ],
    ids=range(20),
)
def test_hostile_bytes_are_undecodable(blob):
    for read in (manager.load_result, manager.load_arguments, trusting.load_result):
        with pytest.raises(Undecodable):
            read(blob)


def test_extensions_in_extensions_without_end_are_undecodable():
    blob = msgspec.msgpack.encode(None)
    while len(blob) < 100_000:
        blob = msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b"\x91" + blob))

    with pytest.raises(Undecodable):
        manager.load_result(b"m" + blob)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("subprocess:Popen", 16),
        ("os:system", 16),
        ("omniq.models.states:State", 16),  # an Enum is no dataclass
        ("omniq.models.task:Task", 15),
        ("nowhere:Point", 15),
        ("builtins:tuple", 17),
        ("", 16),
        (5, 16),
    ],
)
def test_a_class_of_another_kind_or_one_that_is_not_loaded_is_undecodable(name, code):
    with pytest.raises(Undecodable):
        manager.load_result(ext(code, [name, {}]))


class Bell:
    rings = 0

    def __init__(self, **given: Any) -> None:
        Bell.rings += 1


@pytest.mark.parametrize("code", [14, 15, 16, 17])
def test_a_class_that_is_none_of_the_kinds_is_never_called(code):
    for content in ({}, [], 1):
        with pytest.raises(Undecodable, match=f"no .* '{Bell.__module__}:Bell' is loaded here"):
            manager.load_result(ext(code, [f"{Bell.__module__}:Bell", content]))

    assert Bell.rings == 0


def test_a_missing_class_is_named():
    with pytest.raises(Undecodable, match="no dataclass 'shop:Point' is loaded here; import its module first"):
        manager.load_result(ext(15, ["shop:Point", {"x": 1}]))


def test_a_dataclass_with_other_fields_is_undecodable():
    name = f"{Order.__module__}:Order"

    with pytest.raises(Undecodable, match="has no value for 'lines'"):
        manager.load_result(ext(15, [name, {}]))
    with pytest.raises(Undecodable, match="has no field 'x'"):
        manager.load_result(ext(15, [name, {"lines": [], "x": 1}]))


samples = [
    manager.dump_result(value)
    for value in (
        [1, 2.5, "a", b"b", None, True],
        {(1, 2): {3}, "k": (datetime(2025, 1, 1), 2**70)},
        Order([Order([1])]),
    )
]


@given(st.binary(max_size=200))
@example(b"m\xd6\xff\x00\x00\x00\x00")
def test_whatever_is_read_raises_nothing_else(raw):
    for blob in (raw, b"m" + raw):
        for read in (manager.load_result, manager.load_arguments):
            with contextlib.suppress(Undecodable, CodecRefused):
                read(blob)


@given(st.sampled_from(samples), st.data())
def test_a_damaged_value_raises_nothing_else(sample, data):
    raw = bytearray(sample)
    for place in data.draw(st.lists(st.integers(1, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(raw)))

    for blob in (bytes(raw), bytes(raw[:cut])):
        with contextlib.suppress(Undecodable, CodecRefused):
            manager.load_result(blob)
