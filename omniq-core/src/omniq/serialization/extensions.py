"""The types that msgpack does not know, as extension types, so that each comes back as what it was.

msgspec alone would turn a tuple into a list and a datetime into text without a word. `flatten` walks a value
once and wraps what is not plain; `restore` is the decoder's hook. A class is looked up by name among the
modules that are already imported, never imported because data names it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.msgpack import Ext

from omniq.errors import Undecodable, Unserializable
from omniq.functions import module_name

__all__ = ("MAX_DEPTH", "PLAIN", "flatten", "restore")

MAX_DEPTH = 64
PLAIN = frozenset({type(None), bool, float, str, bytes})
_INT64 = range(-(2**63), 2**64)

TUPLE, SET, FROZENSET, DATETIME, DATE, TIME, TIMEDELTA, DECIMAL = range(1, 9)
UUID_, ENUM, PATH, BIGINT, DICT, DATACLASS, STRUCT, BYTEARRAY, NAMEDTUPLE = range(9, 18)

_encode = msgspec.msgpack.Encoder().encode


def flatten(value: Any, where: str, depth: int = 0) -> Any:
    """Give the value with everything that is not plain wrapped; plain parts are passed on as they are.

    Raises:
        Unserializable: a part is of a type that does not travel; `where` says which.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise Unserializable(where, kind.__qualname__, f"nesting is limited to {MAX_DEPTH} levels")
    if kind is int:
        return value if value in _INT64 else Ext(BIGINT, str(value).encode())
    if kind is list:
        return [flatten(one, f"{where}[{i}]", depth + 1) for i, one in enumerate(value)]
    if kind is dict:
        if all(type(key) is str for key in value):
            return {key: flatten(one, f"{where}[{key!r}]", depth + 1) for key, one in value.items()}
        pairs = [
            (flatten(key, f"a key of {where}", depth + 1), flatten(one, f"{where}[{key!r}]", depth + 1))
            for key, one in value.items()
        ]
        return Ext(DICT, _encode(pairs))
    if kind in _CONTAINERS:
        items = [flatten(one, f"{where}[{i}]", depth + 1) for i, one in enumerate(value)]
        return Ext(_CONTAINERS[kind], _encode(items))
    if kind in _ATOMS:
        code, dump = _ATOMS[kind]
        return Ext(code, dump(value))
    return _flatten_object(value, kind, where, depth)


def _flatten_object(value: Any, kind: type, where: str, depth: int) -> Any:
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        items = [flatten(one, f"{where}.{name}", depth + 1) for name, one in zip(kind._fields, value, strict=True)]
        return Ext(NAMEDTUPLE, _encode((_class_name(kind, where), items)))
    if isinstance(value, PurePath):
        return Ext(PATH, str(value).encode("utf-8", "surrogateescape"))
    if isinstance(value, ZoneInfo):
        raise Unserializable(where, "zoneinfo.ZoneInfo", "pass its key, a str")
    if isinstance(value, Enum):
        return Ext(ENUM, _encode((_class_name(kind, where), value.name)))
    if isinstance(value, msgspec.Struct):
        fields = {name: flatten(getattr(value, name), f"{where}.{name}", depth + 1) for name in value.__struct_fields__}
        return Ext(STRUCT, _encode((_class_name(kind, where), fields)))
    if dataclasses.is_dataclass(value):
        fields = {
            field.name: flatten(getattr(value, field.name), f"{where}.{field.name}", depth + 1)
            for field in dataclasses.fields(value)
        }
        return Ext(DATACLASS, _encode((_class_name(kind, where), fields)))
    raise Unserializable(where, f"{kind.__module__}.{kind.__qualname__}", _advice(value))


def _dump_datetime(value: datetime) -> bytes:
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else ""
    return f"{value.isoformat()}|{value.fold}|{zone}".encode()


def _load_datetime(raw: bytes) -> datetime:
    text, fold, zone = raw.decode().split("|")
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=ZoneInfo(zone) if zone else value.tzinfo, fold=int(fold))


def _dump_timedelta(value: timedelta) -> bytes:
    return _encode((value.days, value.seconds, value.microseconds))


def _load_timedelta(raw: bytes) -> timedelta:
    return timedelta(*_decode(raw))


_CONTAINERS: dict[type, int] = {tuple: TUPLE, set: SET, frozenset: FROZENSET}
_ATOMS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    datetime: (DATETIME, _dump_datetime),
    date: (DATE, lambda value: value.isoformat().encode()),
    time: (TIME, lambda value: f"{value.isoformat()}|{value.fold}".encode()),
    timedelta: (TIMEDELTA, _dump_timedelta),
    Decimal: (DECIMAL, lambda value: str(value).encode()),
    UUID: (UUID_, lambda value: value.bytes),
    bytearray: (BYTEARRAY, bytes),
}


def _load_time(raw: bytes) -> time:
    text, fold = raw.decode().split("|")
    return time.fromisoformat(text).replace(fold=int(fold))


def _load_enum(raw: bytes) -> Any:
    name, member = _decode(raw)
    return _class(name, lambda kind: issubclass(kind, Enum))[member]


def _load_struct(raw: bytes) -> Any:
    name, fields = _decode(raw)
    return _class(name, lambda kind: issubclass(kind, msgspec.Struct))(**fields)


def _load_namedtuple(raw: bytes) -> Any:
    name, items = _decode(raw)
    return _class(name, lambda kind: issubclass(kind, tuple) and hasattr(kind, "_fields"))(*items)


def _load_dataclass(raw: bytes) -> Any:
    name, fields = _decode(raw)
    kind = _class(name, dataclasses.is_dataclass)
    if set(fields) != {field.name for field in dataclasses.fields(kind)}:
        raise Undecodable(f"the fields of dataclass {name} have changed since the value was written")
    value = object.__new__(kind)
    for field, one in fields.items():
        object.__setattr__(value, field, one)
    return value


_LOADERS: dict[int, Callable[[bytes], Any]] = {
    TUPLE: lambda raw: tuple(_decode(raw)),
    SET: lambda raw: set(_decode(raw)),
    FROZENSET: lambda raw: frozenset(_decode(raw)),
    DATETIME: _load_datetime,
    DATE: lambda raw: date.fromisoformat(raw.decode()),
    TIME: _load_time,
    TIMEDELTA: _load_timedelta,
    DECIMAL: lambda raw: Decimal(raw.decode()),
    UUID_: lambda raw: UUID(bytes=raw),
    ENUM: _load_enum,
    PATH: lambda raw: Path(raw.decode("utf-8", "surrogateescape")),
    BIGINT: lambda raw: int(raw.decode()),
    DICT: lambda raw: {key: value for key, value in _decode(raw)},  # noqa: C416 - checks that each is a pair
    DATACLASS: _load_dataclass,
    STRUCT: _load_struct,
    BYTEARRAY: bytearray,
    NAMEDTUPLE: _load_namedtuple,
}


def restore(code: int, data: memoryview) -> Any:
    """Turn one extension back into its value.

    Raises:
        Undecodable: unknown code, damaged content, or a class that is not there.
    """
    loader = _LOADERS.get(code)
    if loader is None:
        raise Undecodable(f"extension type {code} is unknown; was it written by a newer version?")
    return loader(bytes(data))


_decode: Any = msgspec.msgpack.Decoder(ext_hook=restore).decode


def _class_name(kind: type, where: str) -> str:
    if "<" in kind.__qualname__:
        raise Unserializable(where, kind.__qualname__, "move the class to the top level of a module")
    return f"{module_name(kind.__module__)}:{kind.__qualname__}"


def _class(name: str, fits: Callable[[Any], bool]) -> Any:
    module_path, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module_path)
    if found is None and module_path == module_name("__main__"):
        found = sys.modules.get("__main__")
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not fits(found):
        raise Undecodable(f"class {name} is not imported here; import its module in the worker")
    return found


def _advice(value: Any) -> str:
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__}
    if "pydantic.main.BaseModel" in bases:
        return "pass value.model_dump()"
    if "django.db.models.base.Model" in bases:
        return "pass the primary key"
    if hasattr(value, "read") and hasattr(value, "close"):
        return "pass the path of the file"
    if callable(value):
        return "pass its name, or enqueue it as a task"
    return "pass plain data, a dataclass or a msgspec Struct"
