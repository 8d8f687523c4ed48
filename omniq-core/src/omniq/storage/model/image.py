"""The whole state as bytes: what a snapshot is made of, and what two replicas compare.

Only what cannot be rebuilt is written: records in order of creation, keys, marks, pauses and the key-value
space, each in a fixed order. Equal states give equal bytes, whatever way led there.
"""

from __future__ import annotations

import msgspec

from omniq.models.values import Micros
from omniq.storage.model.keys import KeyEntry
from omniq.storage.model.record import READY, RUNNING, SUCCEEDED, Record, keep_until
from omniq.storage.model.table import Lot, Table
from omniq.storage.records import KvEntry

__all__ = ("VERSION", "dump", "load")

VERSION = 1


class Image(msgspec.Struct, array_like=True):
    """The state, versioned."""

    version: int
    seq: int
    records: list[Record]
    keys: list[KeyEntry]
    abandoned: list[tuple[int, Micros]]
    paused: list[str]
    kv: list[tuple[str, KvEntry]]


class _Head(msgspec.Struct, array_like=True):
    version: int


_encoder = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(_Head)
_decoder = msgspec.msgpack.Decoder(Image)


def dump(table: Table) -> bytes:
    """Encode a state."""
    return _encoder.encode(
        Image(
            version=VERSION,
            seq=table.seq,
            records=list(table.records.values()),
            keys=list(table.keys.sorted()),
            abandoned=list(table.abandoned.items()),
            paused=sorted(name for name, queue in table.queues.items() if queue.paused),
            kv=list(table.kv.sorted()),
        )
    )


def load(blob: bytes) -> Table:
    """Decode a state.

    Raises:
        ValueError: of another version, or no state at all.
    """
    try:
        version = _head.decode(blob).version
        if version != VERSION:
            raise ValueError(f"a state of version {version} cannot be read here, only version {VERSION}")
        image = _decoder.decode(blob)
    except msgspec.DecodeError as why:
        raise ValueError(f"not a state of the model: {why}") from why
    table = Table()
    table.seq = image.seq
    for record in image.records:
        _put(table, record)
    for entry in image.keys:
        table.keys.put(entry)
    table.abandoned.update(image.abandoned)
    for name in image.paused:
        table.queue(name).paused = True
    for namespace, item in image.kv:
        table.kv.write(namespace, item)
    return table


def _put(table: Table, record: Record) -> None:
    task = record.task
    table.records[task.id] = record
    table.ids.add(task.id)
    queue = table.queue(task.queue)
    queue.counts[record.state] += 1
    if record.state >= SUCCEEDED:
        table.keeps.push((keep_until(record), record.seq, record))
        return
    if task.parents:
        table.edges.add(record)
    if record.state == RUNNING:
        lot = table.claims.setdefault(record.claim_id, Lot())
        lot.append(record)
        lot.left += 1
        table.leases.push((record.lease_key, record.seq, record))
        return
    if record.state == READY:
        queue.add(record)
    if record.expires_at is not None:
        table.expiries.push((record.expires_at, record.seq, record))
