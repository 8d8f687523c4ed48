"""Turns arguments and results into bytes and back: one way for both.

Plain values take a short cut through MessagePack, others keep their types in the same codec, and what it cannot
carry goes by dill where that is accepted.

Invariant: whatever the bytes, reading with the msgspec codec raises `Undecodable` or `CodecRefused` and
nothing else, and sizes are looked at before the content.
"""

from __future__ import annotations

from typing import Any

import msgspec

from omniq.errors import CodecRefused, PayloadTooLarge, Undecodable, Unserializable
from omniq.serialization.codecs import MSGSPEC, Codec, DillSerializer, MsgspecSerializer, encode_plain
from omniq.serialization.detector import PLAIN_TYPES, Obstacle, SerializationDetector
from omniq.serialization.envelope import Envelope

__all__ = ("MAX_PAYLOAD", "MAX_RESULT", "SerializationManager")

MAX_PAYLOAD = MAX_RESULT = 256 * 1024

_PLAIN = bytes((MSGSPEC,))
_NONE = _PLAIN + encode_plain(None)
_NOT_PLAIN = (OverflowError, UnicodeEncodeError)  # an int beyond 64 bits, a lone surrogate


class SerializationManager:
    """Writes and reads what travels; `accept_dill` holds for both directions."""

    def __init__(
        self, *, accept_dill: bool = False, max_payload: int = MAX_PAYLOAD, max_result: int = MAX_RESULT
    ) -> None:
        self.accept_dill = accept_dill
        self.max_payload = max_payload
        self.max_result = max_result
        self._detector = SerializationDetector()
        self._msgspec = MsgspecSerializer()
        self._dill = DillSerializer()
        accepted = [self._msgspec.number, *([self._dill.number] if accept_dill else [])]
        self._envelope = Envelope((self._msgspec, self._dill), accepted)
        self._decode_arguments = msgspec.msgpack.Decoder(
            tuple[list[Any], dict[str, Any]], ext_hook=self._msgspec.restore
        ).decode

    def dump_arguments(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Encode the arguments for the task of this name.

        Raises:
            Unserializable: a value does not travel; the text has its place and type.
            PayloadTooLarge: more than `max_payload` bytes.
        """
        plain = self._detector.is_plain
        for value in args:
            if type(value) not in PLAIN_TYPES and not plain(value):
                blob = self._dump_rich_arguments(name, args, kwargs)
                break
        else:
            try:
                if kwargs and not plain(kwargs):
                    blob = self._dump_rich_arguments(name, args, kwargs)
                else:
                    blob = _PLAIN + encode_plain((args, kwargs))
            except _NOT_PLAIN:
                blob = self._dump_rich_arguments(name, args, kwargs)
        if len(blob) > self.max_payload:
            raise PayloadTooLarge(f"the arguments of {name}", len(blob), self.max_payload)
        return blob

    def load_arguments(self, blob: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Decode what `dump_arguments` wrote.

        Raises:
            Undecodable: too large, damaged, or of a class that is not loaded here.
            CodecRefused: dill, which this reader does not accept, or which another Python wrote.
        """
        if blob[:1] == _PLAIN and len(blob) <= self.max_payload:
            try:
                return self._decode_arguments(blob[1:])
            except Exception as why:  # whatever hostile bytes can provoke
                raise Undecodable(_reason(why)) from why
        found = self._load(blob, self.max_payload)
        match found:
            case [list() as args, dict() as kwargs]:
                return args, kwargs
        raise Undecodable("these are no arguments")

    def dump_result(self, value: Any) -> bytes:
        """Encode what a task returned.

        Raises:
            Unserializable: the value, or one inside it, does not travel.
            PayloadTooLarge: more than `max_result` bytes.
        """
        if value is None:
            return _NONE
        try:
            plain = type(value) in PLAIN_TYPES or self._detector.is_plain(value)
            blob = _PLAIN + encode_plain(value) if plain else self._dump_rich_result(value)
        except _NOT_PLAIN:
            blob = self._dump_rich_result(value)
        if len(blob) > self.max_result:
            raise PayloadTooLarge("the bytes of the result", len(blob), self.max_result)
        return blob

    def load_result(self, blob: bytes) -> Any:
        """Decode what `dump_result` wrote.

        Raises:
            Undecodable: too large, damaged, or of a class that is not loaded here.
            CodecRefused: dill, which this reader does not accept, or which another Python wrote.
        """
        return self._load(blob, self.max_result)

    def _dump_rich_result(self, value: Any) -> bytes:
        return self._dump_rich(value, self._detector.obstacle(value), "the result", "")

    def _dump_rich_arguments(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        for word in kwargs:
            try:
                word.encode()
            except UnicodeEncodeError:  # half a surrogate pair: no function has such a parameter
                raise Unserializable(f"the name of argument {word!r} of {name}", "str", "use a text") from None
        for place, value in (*enumerate(args, 1), *kwargs.items()):
            if obstacle := self._detector.obstacle(value):
                return self._dump_rich([list(args), kwargs], obstacle, f"argument {place!r}", f" of {name}")
        return self._dump_rich([list(args), kwargs], None, "", "")

    def _dump_rich(self, value: Any, obstacle: Obstacle | None, before: str, after: str) -> bytes:
        if obstacle is None:
            return self._envelope.seal(self._msgspec, self._msgspec.dumps(value))
        place = f"{before}{obstacle.path}{after}"
        if obstacle.final or not self.accept_dill:
            raise Unserializable(place, obstacle.type_name, obstacle.advice)
        try:
            return self._envelope.seal(self._dill, self._dill.dumps(value))
        except Exception as why:  # dill calls code of the value
            advice = f"dill cannot carry it either ({type(why).__name__}); {obstacle.advice}"
            raise Unserializable(place, obstacle.type_name, advice) from why

    def _load(self, blob: bytes, limit: int) -> Any:
        if len(blob) > limit:
            raise Undecodable(f"{len(blob)} bytes are more than the limit of {limit}")
        codec, body = self._envelope.open(blob)
        return _loaded(codec, body)


def _loaded(codec: Codec, body: bytes) -> Any:
    try:
        return codec.loads(body)
    except CodecRefused:
        raise
    except Exception as why:  # whatever hostile bytes, or dill, can provoke
        raise Undecodable(_reason(why)) from why


def _reason(why: Exception) -> str:
    text = str(why.args[0]) if isinstance(why, LookupError) and why.args else str(why)
    return f"{type(why).__name__}: {text:.200}"
