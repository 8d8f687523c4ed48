"""The two codecs: msgspec for data, dill for what only Python itself can carry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import msgspec

from omniq.errors import Undecodable, Unserializable
from omniq.serialization.extensions import flatten, restore

__all__ = ("Codec", "DillSerializer", "MsgspecSerializer")


class Codec(ABC):
    """A way to turn a value into bytes; `mark` is the one byte that travels in front of them."""

    mark: bytes
    name: str

    @abstractmethod
    def dump(self, value: Any, where: str) -> bytes:
        """Encode. Raises Unserializable."""

    @abstractmethod
    def load(self, raw: bytes | memoryview) -> Any:
        """Decode. Raises Undecodable, and nothing else."""


class MsgspecSerializer(Codec):
    """msgpack with extension types: fast, safe to decode, and exact about types."""

    mark = b"m"
    name = "msgspec"

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode: Any = msgspec.msgpack.Decoder(ext_hook=restore).decode

    def dump(self, value: Any, where: str) -> bytes:
        try:
            return self._encode(flatten(value, where))
        except (UnicodeEncodeError, OverflowError) as why:
            raise Unserializable(where, type(value).__qualname__, f"it cannot be encoded: {why}") from None

    def dump_plain(self, value: Any) -> bytes:
        """Encode what is known to be plain, without the walk."""
        return self._encode(value)

    def load(self, raw: bytes | memoryview) -> Any:
        try:
            return self._decode(raw)
        except Undecodable:
            raise
        except RecursionError:
            raise Undecodable("nested too deeply") from None
        except Exception as why:  # restoring calls constructors: whatever they raise means damaged data
            raise Undecodable(f"{type(why).__name__}: {why}") from None


class DillSerializer(Codec):
    """dill: lambdas, closures, arbitrary objects. Decoding runs code: the reader has to trust the writer."""

    mark = b"d"
    name = "dill"

    def dump(self, value: Any, where: str) -> bytes:
        import dill

        try:
            raw: bytes = dill.dumps(value, recurse=True)
        except Exception as why:  # pickling calls user code: anything may come
            raise Unserializable(where, type(value).__qualname__, f"dill cannot carry it: {why}") from None
        return raw

    def load(self, raw: bytes | memoryview) -> Any:
        import dill

        try:
            return dill.loads(raw)
        except Exception as why:
            raise Undecodable(f"dill: {type(why).__name__}: {why}") from None
