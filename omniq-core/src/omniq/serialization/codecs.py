"""The two codecs: MessagePack that keeps types, and dill for what has no other way.

The first keeps a type that MessagePack does not have in an extension, with its parts inside, encoded the same
way. Sets are written in the order of their bytes, so equal values mostly give equal bytes, which the content
digest of a task relies on.

Invariant: reading with `MsgspecSerializer` imports nothing and calls no constructor of a dataclass or
namedtuple. A class is looked up among loaded modules, must be of the kind that the data says, and gets its
fields put into place.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from omniq.errors import CodecRefused
from omniq.names import find_object, object_name
from omniq.serialization.detector import Kind, field_names, kind_of

__all__ = ("DILL", "MSGSPEC", "Codec", "DillSerializer", "MsgspecSerializer", "encode_plain")

MSGSPEC = ord("m")
DILL = ord("d")
"""Codec ids, the first byte of everything stored. 0 to 31 and 128 to 255 are kept for later envelopes."""

_TUPLE, _SET, _FROZENSET, _PAIRS, _INT, _TEXT = 1, 2, 3, 4, 5, 6
_DATETIME, _DATE, _TIME, _TIMEDELTA, _DECIMAL, _UUID, _PATH = 7, 8, 9, 10, 11, 12, 13
_ENUM, _DATACLASS, _STRUCT, _NAMEDTUPLE = 14, 15, 16, 17

_PATHS: dict[str, type[PurePath]] = {kind.__name__: kind for kind in (Path, PurePath, PurePosixPath, PureWindowsPath)}
_KEYS = frozenset({str, int})
_INT64 = 1 << 63

encode_plain = msgspec.msgpack.Encoder().encode
"""Encodes what `SerializationDetector.is_plain` let through; OverflowError and UnicodeEncodeError: not plain."""


class Codec(Protocol):
    """A way to turn a value into bytes and back; `number` travels with the bytes."""

    number: int
    name: str

    def dumps(self, value: Any) -> bytes: ...
    def loads(self, blob: bytes) -> Any: ...


class MsgspecSerializer:
    """MessagePack with extensions: the same value with the same types comes back."""

    number = MSGSPEC
    name = "msgspec"

    def __init__(self) -> None:
        self._decode = msgspec.msgpack.Decoder(ext_hook=self.restore).decode

    def dumps(self, value: Any) -> bytes:
        """Encode a value of which `SerializationDetector.obstacle` finds nothing to say."""
        return encode_plain(_wired(value))

    def loads(self, blob: bytes) -> Any:
        """Decode; damaged or hostile bytes raise an exception of any type, or RecursionError."""
        return self._decode(blob)

    def restore(self, code: int, data: memoryview) -> Any:
        """Give the value of one extension: the hook of a MessagePack decoder."""
        return _READERS[code](self._decode(data))


class DillSerializer:
    """dill, imported at first use. Bytes are read by the minor version of Python that wrote them only.

    Reading runs whatever the bytes say: only for stores that nobody else can write to.
    """

    number = DILL
    name = "dill"

    def dumps(self, value: Any) -> bytes:
        """Encode nearly anything; raises whatever dill and the value raise."""
        import dill

        # recurse: of a function's module only the globals that it names go along, not the open stores there.
        return _PYTHON + bytes(dill.dumps(value, recurse=True))

    def loads(self, blob: bytes) -> Any:
        """Decode; raises whatever dill and the value raise.

        Raises:
            CodecRefused: written by another minor version of Python, whose code objects differ.
        """
        if blob[:2] != _PYTHON:
            wrote, here = ".".join(map(str, blob[:2])), ".".join(map(str, _PYTHON))
            raise CodecRefused(
                self.name, f"written by Python {wrote}, read by {here}; run both sides on one minor version"
            )
        import dill

        return dill.loads(blob[2:])


_PYTHON = bytes(sys.version_info[:2])


def _wired(value: Any) -> Any:
    """Give the value with extensions in place of all that MessagePack would change."""
    return _WRITERS[kind_of(type(value))](value)


def _ext(code: int, content: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, encode_plain(content))


def _write_plain(value: Any) -> Any:
    if type(value) is int and not -_INT64 <= value < _INT64:
        return _ext(_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
    if type(value) is str and not value.isascii():
        raw = value.encode("utf-8", "surrogatepass")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return _ext(_TEXT, raw)
    return value


def _write_dict(value: dict[Any, Any]) -> Any:
    if all(type(key) in _KEYS and _write_plain(key) is key for key in value):
        return {key: _wired(item) for key, item in value.items()}
    return _ext(_PAIRS, [_wired(part) for pair in value.items() for part in pair])


def _write_set(code: int) -> Callable[[Any], Any]:
    return lambda value: _ext(code, [msgspec.Raw(raw) for raw in sorted(encode_plain(_wired(i)) for i in value)])


def _write_zoned(code: int) -> Callable[[Any], Any]:
    def write(value: datetime | time) -> Any:
        zone = value.tzinfo
        if zone is None:
            return _ext(code, [value.isoformat(), value.fold])
        # Not in the text: `fromisoformat` loses the sign of an offset below a second.
        offset = (zone.utcoffset(None) or timedelta()) // timedelta(microseconds=1)
        where = zone.key if isinstance(zone, ZoneInfo) else offset
        return _ext(code, [value.replace(tzinfo=None).isoformat(), value.fold, where])

    return write


def _write_path(value: PurePath) -> Any:
    name = "Path" if isinstance(value, Path) else type(value).__name__
    if name == "PurePath":
        name = "PurePosixPath"
    return _ext(_PATH, [name, str(value).encode("utf-8", "surrogatepass")])


def _write_enum(value: Enum) -> Any:
    member = value.value if isinstance(value, Flag) else value.name
    return _ext(_ENUM, [object_name(type(value)), _wired(member)])


def _write_fields(code: int) -> Callable[[Any], Any]:
    def write(value: Any) -> Any:
        fields = {
            name: _wired(getattr(value, name))
            for name in field_names(type(value))
            if getattr(value, name, msgspec.UNSET) is not msgspec.UNSET
        }
        return _ext(code, [object_name(type(value)), fields])

    return write


_WRITERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.PLAIN: _write_plain,
    Kind.LIST: lambda value: [_wired(item) for item in value],
    Kind.DICT: _write_dict,
    Kind.TUPLE: lambda value: _ext(_TUPLE, [_wired(item) for item in value]),
    Kind.SET: _write_set(_SET),
    Kind.FROZENSET: _write_set(_FROZENSET),
    Kind.DATETIME: _write_zoned(_DATETIME),
    Kind.DATE: lambda value: _ext(_DATE, value.isoformat()),
    Kind.TIME: _write_zoned(_TIME),
    Kind.TIMEDELTA: lambda value: _ext(_TIMEDELTA, [value.days, value.seconds, value.microseconds]),
    Kind.DECIMAL: lambda value: _ext(_DECIMAL, str(value)),
    Kind.UUID: lambda value: _ext(_UUID, value.bytes),
    Kind.PATH: _write_path,
    Kind.ENUM: _write_enum,
    Kind.DATACLASS: _write_fields(_DATACLASS),
    Kind.STRUCT: _write_fields(_STRUCT),
    Kind.NAMEDTUPLE: lambda value: _ext(_NAMEDTUPLE, [object_name(type(value)), [_wired(item) for item in value]]),
}


def _find(name: str, kind: Kind) -> Any:
    found = find_object(name)
    if not isinstance(found, type) or object_name(found) != name or kind_of(found) is not kind:
        raise LookupError(f"no {kind} {name!r} is loaded here; import its module first")
    return found


def _read_pairs(parts: list[Any]) -> dict[Any, Any]:
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _read_zoned(kind: type[datetime] | type[time]) -> Callable[[list[Any]], Any]:
    def read(parts: list[Any]) -> Any:
        value = kind.fromisoformat(parts[0]).replace(fold=parts[1])
        return value.replace(tzinfo=_zone(parts[2])) if len(parts) > 2 else value

    return read


def _zone(where: str | int) -> ZoneInfo | timezone:
    return ZoneInfo(where) if isinstance(where, str) else timezone(timedelta(microseconds=where))


def _read_enum(parts: list[Any]) -> Any:
    kind = _find(parts[0], Kind.ENUM)
    return kind(parts[1]) if issubclass(kind, Flag) else kind.__members__[parts[1]]


def _read_dataclass(parts: list[Any]) -> Any:
    kind, given = _find(parts[0], Kind.DATACLASS), parts[1]
    made = object.__new__(kind)
    for field in dataclasses.fields(kind):
        if field.name in given:
            value = given.pop(field.name)
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        elif field.default is not dataclasses.MISSING:
            value = field.default
        else:
            raise ValueError(f"{parts[0]} has no value for {field.name!r}")
        object.__setattr__(made, field.name, value)
    if given:
        raise ValueError(f"{parts[0]} has no field {next(iter(given))!r}")
    return made


def _read_struct(parts: list[Any]) -> Any:
    kind, given = _find(parts[0], Kind.STRUCT), parts[1]
    made = kind(**given)
    if hasattr(kind, "__post_init__"):  # it has run on these very values before
        for name, value in given.items():
            msgspec.structs.force_setattr(made, name, value)
    return made


def _read_namedtuple(parts: list[Any]) -> Any:
    kind = _find(parts[0], Kind.NAMEDTUPLE)
    if len(parts[1]) != len(kind._fields):
        raise ValueError(f"{parts[0]} has {len(kind._fields)} fields, not {len(parts[1])}")
    return tuple.__new__(kind, parts[1])


_READERS: dict[int, Callable[[Any], Any]] = {
    _TUPLE: tuple,
    _SET: set,
    _FROZENSET: frozenset,
    _PAIRS: _read_pairs,
    _INT: lambda raw: int.from_bytes(raw, "little", signed=True),
    _TEXT: lambda raw: raw.decode("utf-8", "surrogatepass"),
    _DATETIME: _read_zoned(datetime),
    _DATE: date.fromisoformat,
    _TIME: _read_zoned(time),
    _TIMEDELTA: lambda parts: timedelta(*parts),
    _DECIMAL: Decimal,
    _UUID: lambda raw: UUID(bytes=raw),
    _PATH: lambda parts: _PATHS[parts[0]](parts[1].decode("utf-8", "surrogatepass")),
    _ENUM: _read_enum,
    _DATACLASS: _read_dataclass,
    _STRUCT: _read_struct,
    _NAMEDTUPLE: _read_namedtuple,
}
