"""Tasks as bytes: ids, the fixed part of a state blob, the envelope that no script opens.

`lua/layout.lua` draws the blob. An envelope is the length of its head (4), name (length 2), tags (length 2) and
policy, then the payload and the last byte of the id: a reader that needs no payload is sent the head alone.

Lua keeps every string in one table, by a hash of its last byte and of every few before it. Blobs and envelopes of
like tasks differ in few bytes, which it may pass over, and then each step over a batch compares all with all. So the
digest in a blob is mixed with the id, and an envelope ends in a byte of it.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import Any

import msgspec

from omniq.models.states import OnParent, Reason, State
from omniq.storage.records import Fence, NewTask, TaskRecord

__all__ = (
    "ON_PARENT", "UNIQUE", "envelope_of", "fence_bytes", "id_bytes", "id_text", "is_id", "mixed", "name_of_queue",
    "opened", "record_of", "size_of_tags", "unpack_claimed",
)  # fmt: skip

UNIQUE = 2
ON_PARENT = {OnParent.SKIP: 0, OnParent.FAIL: 16, OnParent.RUN: 32}
_REASONS: tuple[Reason | None, ...] = (None, *Reason)

_FENCE = Struct(">IQ")
_HEAD = Struct(">IH")
_CLAIM = Struct(">xBxIQ4H6x32xQ8xB")
_BLOB = Struct(">cBBIQ4H6xQQQQQQBBQQHB")
_encode_tags = msgspec.msgpack.Encoder().encode
_decode_tags = msgspec.msgpack.Decoder(tuple[str, ...]).decode
_NO_TAGS = b"\0\0"
_queues: dict[bytes, str] = {}


def is_id(text: str) -> bool:
    """Whether a text is the canonical form of a UUID, which the keys of edges need."""
    return len(text) == 36 and id_text(id_bytes(text)) == text


def id_bytes(text: str) -> bytes:
    """Give the 16 bytes of an id. Any other text gets bytes that no task has, so that it is unknown."""
    try:
        found = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        found = b""
    if len(found) != 16:
        return hashlib.blake2b(text.encode(), digest_size=16).digest()
    return found


def id_text(blob: bytes) -> str:
    """Give an id from its bytes."""
    text = blob.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fence_bytes(fence: Fence) -> bytes:
    """Give the 28 bytes of a fence: id, attempt, claim id."""
    return id_bytes(fence.task_id) + _FENCE.pack(fence.attempt & 0xFFFFFFFF, fence.claim_id)


def mixed(digest: bytes, raw: bytes) -> bytes:
    """Mix the 16 bytes of a digest with those of an id, and out of it again."""
    return (int.from_bytes(digest, "big") ^ int.from_bytes(raw, "big")).to_bytes(16, "big")


def envelope_of(task: NewTask, raw: bytes) -> bytes:
    """Give what is written once and never looked into."""
    name = task.name.encode()
    if task.tags:
        tags = _encode_tags(task.tags)
        tags = len(tags).to_bytes(2, "big") + tags
    else:
        tags = _NO_TAGS
    policy = task.policy
    size = 6 + len(name) + len(tags) + len(policy)
    return b"".join((_HEAD.pack(size, len(name)), name, tags, policy, task.payload, raw[15:]))


def size_of_tags(tags: tuple[str, ...]) -> int:
    """Say how many bytes tags take in an envelope."""
    return len(_encode_tags(tags))


def opened(envelope: bytes) -> tuple[str, bytes, bytes, bytes]:
    """Give name, tags as they are stored, policy and payload."""
    size, named = _HEAD.unpack_from(envelope)
    at = 6 + named
    tagged = at + 2 + (envelope[at] << 8 | envelope[at + 1])
    return envelope[6:at].decode(), envelope[at + 2 : tagged], envelope[tagged:size], envelope[size:-1]


def name_of_queue(blob: bytes) -> str:
    """Give the queue of a blob; there are few, so each is decoded once."""
    raw = blob[116 : 116 + blob[115]]
    found = _queues.get(raw)
    if found is None:
        found = _queues[raw] = raw.decode()
    return found


def unpack_claimed(blob: bytes) -> tuple[int, int, int, int, int, int, int, int, int]:
    """Give flags A, attempt, claim id, the four counters, enqueued_at, and 9 - priority."""
    return _CLAIM.unpack_from(blob)


def record_of(row: list[Any]) -> TaskRecord:
    """Show what a reading script gave; payload where the envelope has more than its head."""
    raw, blob, envelope, lease, parents, note, error, result = row
    (state, a, b, attempt, claim, failures, crashes, releases, snoozes, run_at, finished, started, created, enqueued,
     expires, prio, cut, keep, _, epoch, reason) = _BLOB.unpack_from(blob)  # fmt: skip
    name, tags, policy, payload = opened(envelope)
    return TaskRecord(
        id=id_text(raw),
        name=name,
        queue=name_of_queue(blob),
        state=State.of(int(state)),
        priority=9 - prio,
        attempt=attempt,
        claim_id=claim,
        failures=failures,
        crashes=crashes,
        releases=releases,
        snoozes=snoozes,
        epoch=epoch,
        cancel=bool(a & 1),
        reason=_REASONS[reason],
        run_at=run_at,
        created_at=created,
        enqueued_at=enqueued,
        started_at=started or None,
        finished_at=finished or None,
        expires_at=expires if b & 1 else None,
        lease_until=int(float(lease)) if lease else None,
        worker=blob[cut:].decode() or None,
        keep=keep,
        parents=tuple(id_text(parents[at : at + 16]) for at in range(0, len(parents), 16)),
        on_parent=OnParent.RUN if b & 32 else OnParent.FAIL if b & 16 else OnParent.SKIP,
        tags=_decode_tags(tags) if tags else (),
        policy=policy,
        digest=mixed(blob[99:115], raw)[: blob[98]],
        note=note,
        error=error,
        payload=payload,
        result=result,
    )
