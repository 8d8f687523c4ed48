"""Arguments and results, to bytes and back: picks the codec, checks sizes, and names what cannot travel.

Invariant: the reader decides what it accepts. A codec named in the data never widens that.
"""

from __future__ import annotations

from typing import Any

from omniq.errors import CodecRefused, PayloadTooLarge, Undecodable, Unserializable
from omniq.serialization.codecs import Codec, DillSerializer, MsgspecSerializer
from omniq.serialization.detector import SerializationDetector

__all__ = ("MAX_PAYLOAD", "MAX_RESULT", "SerializationManager")

MAX_PAYLOAD = 256 * 1024
MAX_RESULT = 256 * 1024


class SerializationManager:
    """The codecs that this process accepts. Sizes are bytes.

    Args:
        accept_dill: write and read dill; only for stores that are private to the user.
    """

    def __init__(
        self, *, accept_dill: bool = False, max_payload: int = MAX_PAYLOAD, max_result: int = MAX_RESULT
    ) -> None:
        self.accept_dill = accept_dill
        self.max_payload = max_payload
        self.max_result = max_result
        self._data = MsgspecSerializer()
        self._dill = DillSerializer()
        self._detector = SerializationDetector()

    def dump_arguments(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Encode the arguments of one call.

        Raises:
            Unserializable: an argument does not travel; it is named with its type.
            PayloadTooLarge: over the limit.
        """
        if not kwargs and self._detector.is_plain(args):
            try:
                raw = b"m" + self._data.dump_plain((args, kwargs))
            except UnicodeEncodeError as why:
                raise Unserializable(f"an argument of {name}", "str", f"it cannot be encoded: {why}") from None
        else:
            raw = self._dump_call(name, args, kwargs)
        if len(raw) > self.max_payload:
            raise PayloadTooLarge(f"the arguments of {name}", len(raw), self.max_payload)
        return raw

    def load_arguments(self, raw: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Decode the arguments of one call.

        Raises:
            Undecodable: damaged, over the limit, or not written by a codec of ours.
            CodecRefused: a codec that this process does not accept.
        """
        value = self._load(raw, self.max_payload)
        match value:
            case [list() | tuple() as args, dict() as kwargs]:
                return list(args), kwargs
        raise Undecodable("the payload holds no arguments")

    def dump_result(self, value: Any) -> bytes:
        """Encode what a task returned.

        Raises:
            Unserializable: it does not travel.
            PayloadTooLarge: over the limit.
        """
        if self._detector.is_plain((value,)):
            raw = b"m" + self._data.dump(value, "the result")
        else:
            raw = self._dump(value, "the result")
        if len(raw) > self.max_result:
            raise PayloadTooLarge("the bytes of the result", len(raw), self.max_result)
        return raw

    def load_result(self, raw: bytes) -> Any:
        """Decode a stored result. Raises as `load_arguments`."""
        return self._load(raw, self.max_result)

    def _dump_call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        call = (list(args), kwargs)
        try:
            for i, value in enumerate(args):
                if not self._detector.is_plain((value,)):
                    self._data.dump(value, f"argument {i + 1} of {name}")
            for key, value in kwargs.items():
                if not self._detector.is_plain((value,)):
                    self._data.dump(value, f"argument {key!r} of {name}")
            return b"m" + self._data.dump(list(call), f"the arguments of {name}")
        except Unserializable:
            if not self.accept_dill:
                raise
            return b"d" + self._dill.dump(call, f"an argument of {name}")

    def _dump(self, value: Any, where: str) -> bytes:
        try:
            return b"m" + self._data.dump(value, where)
        except Unserializable:
            if not self.accept_dill:
                raise
            return b"d" + self._dill.dump(value, where)

    def _load(self, raw: bytes, limit: int) -> Any:
        if len(raw) > limit:
            raise Undecodable(f"{len(raw)} bytes are over the limit of {limit}")
        return self._codec(raw[:1]).load(memoryview(raw)[1:])

    def _codec(self, mark: bytes) -> Codec:
        if mark == self._data.mark:
            return self._data
        if mark == self._dill.mark:
            if not self.accept_dill:
                raise CodecRefused("dill", "this store is shared, and decoding dill runs code of its writer")
            return self._dill
        raise Undecodable("the first byte names no codec")
