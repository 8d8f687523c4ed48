"""How records look as rows: ids, states, and statements for many rows with few texts.

Ids are the 16 bytes of a UUID; any other text, which no client of ours makes, stands behind 16 zero bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

from omniq.models.states import State
from omniq_sqlite.session import Session

__all__ = (
    "CANCELLED", "EXPIRED", "FAILED", "READY", "RUNNING", "SUCCEEDED", "WAITING",
    "blob_id", "decode_tags", "encode", "encode_tags", "hex_id", "insert", "marks", "padded", "text_id",
)  # fmt: skip

T = TypeVar("T")

WAITING, READY, RUNNING = State.WAITING.code, State.READY.code, State.RUNNING.code
SUCCEEDED, FAILED = State.SUCCEEDED.code, State.FAILED.code
CANCELLED, EXPIRED = State.CANCELLED.code, State.EXPIRED.code

SIZES = (1, 8, 32, 128)
"""Rows of a statement: one text a size, so that four prepared statements serve every batch."""

_ZEROS = bytes(16)


def blob_id(text: str) -> bytes:
    """Give the stored form of an id."""
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        try:
            found = bytes.fromhex(text.replace("-", ""))
        except ValueError:
            return _ZEROS + text.encode()
        if len(found) == 16 and text == text.lower():
            return found
    return _ZEROS + text.encode()


def text_id(blob: bytes) -> str:
    """Give an id from its stored form."""
    return hex_id(blob.hex())


def hex_id(text: str) -> str:
    """Give an id from its stored form in small hexadecimal digits."""
    if len(text) == 32:
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return bytes.fromhex(text[32:]).decode()


def padded(items: Sequence[T]) -> Iterator[tuple[int, Sequence[T], int]]:
    """Cut a batch into pieces: where each starts, the piece, and the size of its statement."""
    at = 0
    while at < len(items):
        left = len(items) - at
        size = next((one for one in SIZES if one >= left), SIZES[-1])
        # 129 rows are 128 and 1, not 256; 20 are one statement of 32.
        yield at, items[at : at + size], size
        at += size


@cache
def marks(columns: int, rows: int) -> str:
    """Give the text of a VALUES list, for example "(?,?),(?,?)"."""
    one = f"({','.join('?' * columns)})"
    return ",".join([one] * rows)


def insert(session: Session, table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write many rows with few texts; one that exists is left alone. The first column is never null."""
    width = columns.count(",") + 1
    for _, piece, size in padded(rows):
        values = [value for row in piece for value in row] + [None] * (width * (size - len(piece)))
        session.change(
            f"insert into {table}({columns}) select * from (values {marks(width, size)}) "
            "where column1 is not null on conflict do nothing",
            values,
        )


_encode = msgspec.json.Encoder().encode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def encode(value: Any) -> str:
    """Give JSON text for a statement that reads json_each."""
    return _encode(value).decode()


def encode_tags(tags: tuple[str, ...]) -> str | None:
    """Give the stored form of tags; none are null."""
    return encode(tags) if tags else None


def decode_tags(text: str | None) -> tuple[str, ...]:
    """Give tags from their stored form."""
    return _decode_tags(text) if text else ()
