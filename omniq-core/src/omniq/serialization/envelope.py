"""The envelope around a stored value: one byte that names the codec, then what the codec wrote.

Invariant: the reader decides which codecs it accepts, before a byte of the body is looked at. What the data
says about itself never widens that.
"""

from __future__ import annotations

from collections.abc import Iterable

from omniq.errors import CodecRefused, Undecodable
from omniq.serialization.codecs import Codec

__all__ = ("Envelope",)


class Envelope:
    """Opens and closes envelopes for a set of accepted codecs."""

    def __init__(self, known: Iterable[Codec], accepted: Iterable[int]) -> None:
        self._known = {codec.number: codec for codec in known}
        self._accepted = frozenset(accepted)

    def seal(self, codec: Codec, body: bytes) -> bytes:
        """Put the codec's number in front."""
        return bytes((codec.number,)) + body

    def open(self, blob: bytes) -> tuple[Codec, bytes]:
        """Give the codec and what it wrote.

        Raises:
            Undecodable: empty, or a codec that does not exist.
            CodecRefused: a codec that this reader does not accept.
        """
        if not blob:
            raise Undecodable("nothing is stored")
        codec = self._known.get(blob[0])
        if codec is None:
            raise Undecodable(f"codec {blob[0]} is not known here; a newer version may have written it")
        if codec.number not in self._accepted:
            raise CodecRefused(codec.name, "others can write to this store, and reading it runs their code")
        return codec, blob[1:]
