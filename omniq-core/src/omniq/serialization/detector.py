"""Says how a value can travel, by looking at its structure.

Never by trying: an encoder that turns a tuple into a list, or an Enum into its value, raises nothing and still
delivers something else. Only exact types count, since a subclass would come back as its base.

Invariant: `kind_of` is the one place that knows which types travel. The codec encodes by it and `obstacle`
explains by it, so the two cannot disagree.
"""

from __future__ import annotations

import dataclasses
import io
import types
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from omniq.names import find_object, object_name

__all__ = ("MAX_DEPTH", "PLAIN_TYPES", "Kind", "Obstacle", "SerializationDetector", "field_names", "kind_of")

MAX_DEPTH = 64
"""Containers inside containers; what is deeper mostly contains itself."""

PLAIN_TYPES = frozenset({type(None), bool, int, float, str, bytes})
"""What MessagePack itself gives back with the same type (but huge ints and lone surrogates)."""
_PLAIN_KEYS = frozenset({str, int})


class Kind(StrEnum):
    """How a type travels; REFUSED types do not, whatever the codec."""

    PLAIN = "plain"
    LIST = "list"
    DICT = "dict"
    TUPLE = "tuple"
    SET = "set"
    FROZENSET = "frozenset"
    DATETIME = "datetime"
    DATE = "date"
    TIME = "time"
    TIMEDELTA = "timedelta"
    DECIMAL = "decimal"
    UUID = "uuid"
    PATH = "path"
    ENUM = "enum"
    DATACLASS = "dataclass"
    STRUCT = "struct"
    NAMEDTUPLE = "namedtuple"
    OPAQUE = "opaque"
    REFUSED = "refused"


_KINDS: dict[type, Kind] = {
    **dict.fromkeys(PLAIN_TYPES, Kind.PLAIN),
    list: Kind.LIST,
    dict: Kind.DICT,
    tuple: Kind.TUPLE,
    set: Kind.SET,
    frozenset: Kind.FROZENSET,
    datetime: Kind.DATETIME,
    date: Kind.DATE,
    time: Kind.TIME,
    timedelta: Kind.TIMEDELTA,
    Decimal: Kind.DECIMAL,
    UUID: Kind.UUID,
    **dict.fromkeys((Path, PosixPath, WindowsPath, PurePath, PurePosixPath, PureWindowsPath), Kind.PATH),
    msgspec.Raw: Kind.OPAQUE,
}
_LEAVES = frozenset(
    {Kind.PLAIN, Kind.DATE, Kind.TIMEDELTA, Kind.DECIMAL, Kind.UUID, Kind.PATH, Kind.DATETIME, Kind.TIME}
)

_OF_THIS_PROCESS = "it lives in this process only; make one in the task"
_FOREIGN: dict[tuple[str, str], str] = {
    ("pydantic", "BaseModel"): "pass value.model_dump() and build the model in the task",
    ("django", "Model"): "pass its primary key and load it in the task",
    ("django", "QuerySet"): "pass the primary keys and query in the task",
    ("sqlalchemy", "DeclarativeBase"): "pass its primary key and load it in the task",
    ("pandas", "DataFrame"): "write it to a file and pass the path",
    ("polars", "DataFrame"): "write it to a file and pass the path",
    ("_thread", "lock"): _OF_THIS_PROCESS,
    ("_thread", "RLock"): _OF_THIS_PROCESS,
    ("_socket", "socket"): _OF_THIS_PROCESS,
    ("sqlite3", "Connection"): _OF_THIS_PROCESS,
}
"""(top package, class) of a base: never carried, with dill neither, since a copy of it is not the thing."""

_HINTS: dict[tuple[str, str], str] = {
    ("numpy", "ndarray"): "pass value.tolist(), or write it to a file and pass the path",
    ("numpy", "generic"): "pass value.item()",
    ("pandas", "Timestamp"): "pass value.to_pydatetime()",
    ("builtins", "bytearray"): "pass bytes(value)",
    ("builtins", "memoryview"): "pass bytes(value)",
    ("builtins", "function"): "pass its task name, or data that says what to do",
    ("builtins", "BaseException"): "pass str(value)",
}


class Obstacle(msgspec.Struct, frozen=True):
    """The first value that msgspec cannot carry; `final` says that dill must not either."""

    path: str
    type_name: str
    advice: str
    final: bool = False


class SerializationDetector:
    """Chooses by structure: plain values go as they are, others with their types, the rest is an obstacle."""

    def is_plain(self, value: Any, depth: int = 0) -> bool:
        """Say whether MessagePack gives this value back as it is."""
        kind = type(value)
        if kind in PLAIN_TYPES:
            return True
        if depth >= MAX_DEPTH:
            return False
        if kind is list:
            return all(type(item) in PLAIN_TYPES or self.is_plain(item, depth + 1) for item in value)
        if kind is dict:
            return _PLAIN_KEYS.issuperset(map(type, value)) and all(
                type(item) in PLAIN_TYPES or self.is_plain(item, depth + 1) for item in value.values()
            )
        return False

    def obstacle(self, value: Any, path: str = "", depth: int = 0) -> Obstacle | None:
        """Find the first value, with its place, that the msgspec codec cannot carry; None if it can all."""
        kind = kind_of(type(value))
        if kind in (Kind.REFUSED, Kind.OPAQUE):
            return Obstacle(path, _type_name(value), _advice(type(value)), kind is Kind.REFUSED)
        if kind in (Kind.DATETIME, Kind.TIME) and not isinstance(value.tzinfo, None | timezone | ZoneInfo):
            return Obstacle(path, _type_name(value.tzinfo), "use a zoneinfo.ZoneInfo or datetime.timezone")
        if kind in (Kind.DATETIME, Kind.TIME) and getattr(value.tzinfo, "key", "") is None:
            return Obstacle(path, "a ZoneInfo without a key", "make it by name: ZoneInfo('Europe/Berlin')")
        if kind in _LEAVES:
            return None
        if kind in (Kind.ENUM, Kind.DATACLASS, Kind.STRUCT, Kind.NAMEDTUPLE) and not _findable(type(value)):
            return Obstacle(path, _type_name(value), "define its class at the top level of a module")
        if kind is Kind.ENUM:
            return None
        if depth >= MAX_DEPTH:
            return Obstacle(path, _type_name(value), f"it is nested deeper than {MAX_DEPTH}, or contains itself")
        for step, item in _inside(kind, value):
            if found := self.obstacle(item, path + step, depth + 1):
                return found
        return None


def kind_of(kind: type) -> Kind:
    """Say how values of exactly this type travel."""
    known = _KINDS.get(kind)
    if known is not None:
        return known
    if _advised(kind, _FOREIGN) or issubclass(kind, (io.IOBase, types.GeneratorType, types.CoroutineType)):
        return Kind.REFUSED
    if issubclass(kind, Enum):
        return Kind.ENUM
    if issubclass(kind, msgspec.Struct):
        return Kind.STRUCT
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return Kind.NAMEDTUPLE
    if issubclass(kind, (int, float, str, bytes, list, dict, tuple, set, frozenset, date, BaseException)):
        return Kind.OPAQUE
    if dataclasses.is_dataclass(kind):
        return Kind.DATACLASS
    return Kind.OPAQUE


def field_names(kind: Any) -> tuple[str, ...]:
    """Give the names of a dataclass's or struct's fields, in order."""
    if issubclass(kind, msgspec.Struct):
        return tuple(kind.__struct_fields__)
    return tuple(field.name for field in dataclasses.fields(kind))


def _inside(kind: Kind, value: Any) -> list[tuple[str, Any]]:
    if kind is Kind.DICT:
        keys = [(f"[key {_shown(key)}]", key) for key in value if type(key) not in _PLAIN_KEYS]
        return keys + [(f"[{_shown(key)}]", item) for key, item in value.items()]
    if kind in (Kind.SET, Kind.FROZENSET):
        return [("{...}", item) for item in value]
    if kind in (Kind.DATACLASS, Kind.STRUCT):
        return [(f".{name}", getattr(value, name)) for name in field_names(type(value)) if hasattr(value, name)]
    return [(f"[{index}]", item) for index, item in enumerate(value)]


def _shown(key: Any) -> str:
    try:
        return f"{key!r:.40}"
    except Exception:  # a user's __repr__ may raise, and so does that of a huge int
        return f"a {type(key).__name__}"


def _findable(kind: type) -> bool:
    name = object_name(kind)
    return name is not None and find_object(name) is kind


def _advised(kind: type, table: dict[tuple[str, str], str]) -> str | None:
    for base in kind.__mro__:
        advice = table.get((base.__module__.partition(".")[0], base.__name__))
        if advice:
            return advice
    return None


def _advice(kind: type) -> str:
    if issubclass(kind, io.IOBase):
        return "pass its path and open it in the task"
    if issubclass(kind, types.GeneratorType):
        return "pass list(value)"
    if issubclass(kind, types.CoroutineType):
        return "await it first, or enqueue its function with the arguments"
    return _advised(kind, _FOREIGN) or _advised(kind, _HINTS) or "pass plain data, a dataclass or a msgspec.Struct"


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
