"""The contract of a task store as a pure value: what every other store is compared with.

Time and claim ids are arguments; there is no clock, no random source and no float inside, and nothing depends
on the order of a set. So a log of calls replayed anywhere gives the same answers and the same `hash`.

Invariant: a call that raises has written nothing.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Sequence

from omniq.models.values import Micros
from omniq.storage.model import entering, holding, image, operating, reading
from omniq.storage.model.table import Changes, Table
from omniq.storage.records import (
    CancelAnswer,
    Claimed,
    ClaimedTask,
    DeleteAnswer,
    EnqueueAnswer,
    ExtendAnswer,
    Hold,
    KvEntry,
    NewTask,
    Page,
    QueueStats,
    RequeueAnswer,
    SettleAnswer,
    Settlement,
    Swept,
    TaskRecord,
    Where,
)
from omniq.storage.tasks import ANY_VERSION

__all__ = ("Model",)


class Model:
    """A task store without a place: each method is the operation of `BaseTaskQueue` of that name, at `now`.

    `now` never goes back from one call to the next. Nothing here is safe to call from two threads at once.
    """

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table = Table()

    @property
    def changes(self) -> Changes | None:
        """What the owner listens with: calls add to it whom a push may concern."""
        return self._table.changes

    @changes.setter
    def changes(self, changes: Changes | None) -> None:
        self._table.changes = changes

    def enqueue(self, now: Micros, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
        """Write new tasks. There is no `fresh`: looking among all tasks costs nothing here."""
        return entering.enqueue(self._table, now, tasks)

    def claim(
        self, now: Micros, queues: Sequence[str], *, limit: int, lease: Micros, worker: str, claim_id: int
    ) -> Claimed:
        return holding.claim(self._table, now, queues, limit, lease, worker, claim_id)

    def abandon(self, now: Micros, claim_id: int) -> None:
        holding.abandon(self._table, now, claim_id)

    def extend(self, now: Micros, holds: Sequence[Hold], *, lease: Micros) -> builtins.list[ExtendAnswer]:
        return holding.extend(self._table, now, holds, lease)

    def settle(self, now: Micros, settlements: Sequence[Settlement]) -> builtins.list[SettleAnswer]:
        return holding.settle(self._table, now, settlements)

    def reclaim(
        self, now: Micros, *, limit: int, lease: Micros, worker: str, claim_id: int
    ) -> builtins.list[ClaimedTask]:
        return holding.reclaim(self._table, now, limit, lease, worker, claim_id)

    def cancel(self, now: Micros, ids: Sequence[str]) -> builtins.list[CancelAnswer]:
        return operating.cancel(self._table, now, ids)

    def requeue(self, now: Micros, ids: Sequence[str], *, delay: Micros = 0) -> builtins.list[RequeueAnswer]:
        return operating.requeue(self._table, now, ids, delay)

    def delete(self, ids: Sequence[str]) -> builtins.list[DeleteAnswer]:
        return operating.delete(self._table, ids)

    def set_paused(self, queues: Sequence[str], on: bool) -> None:
        operating.set_paused(self._table, queues, on)

    def sweep(self, now: Micros, limit: int) -> Swept:
        return operating.sweep(self._table, now, limit)

    def next_due(self, now: Micros, queues: Sequence[str]) -> Micros | None:
        """Say how long it is until a task of these queues can be had; None when there is none."""
        return holding.next_due(self._table, now, queues)

    def finished(self, ids: Sequence[str]) -> builtins.list[str]:
        """Give those that are terminal or unknown, in input order."""
        return reading.finished(self._table, ids)

    def get(
        self, ids: Sequence[str], *, payload: bool = False, result: bool = False
    ) -> builtins.list[TaskRecord | None]:
        return reading.get(self._table, ids, payload, result)

    def list(self, where: Where, *, limit: int = 100, after: str | None = None) -> Page:
        return reading.page(self._table, where, limit, after)

    def stats(self, now: Micros, queues: Sequence[str] | None = None) -> builtins.list[QueueStats]:
        return reading.stats(self._table, now, queues)

    def kv_get(self, namespace: str, key: str) -> KvEntry | None:
        return self._table.kv.get(namespace, key)

    def kv_put(
        self, namespace: str, key: str, value: bytes, *, expect: int = ANY_VERSION, due: Micros | None = None
    ) -> int | None:
        return self._table.kv.put(namespace, key, value, expect, due)

    def kv_delete(self, namespace: str, key: str, *, expect: int = ANY_VERSION) -> bool:
        return self._table.kv.delete(namespace, key, expect)

    def kv_list(
        self, namespace: str, *, limit: int = 100, after: str | None = None
    ) -> tuple[builtins.list[KvEntry], str | None]:
        return self._table.kv.page(namespace, limit, after)

    def kv_due(self, now: Micros, namespace: str, *, limit: int = 100) -> tuple[builtins.list[KvEntry], Micros | None]:
        return self._table.kv.due(namespace, now, limit)

    def dump(self) -> bytes:
        """Give the whole state as bytes; equal states give equal bytes."""
        return image.dump(self._table)

    @classmethod
    def load(cls, blob: bytes) -> Model:
        """Make a model from what `dump` gave.

        Raises:
            ValueError: of another version, or no state at all.
        """
        model = cls()
        model._table = image.load(blob)
        return model

    def hash(self) -> str:
        """Give 64 hex digits over the whole state, for comparing replicas."""
        return hashlib.sha256(self.dump()).hexdigest()
