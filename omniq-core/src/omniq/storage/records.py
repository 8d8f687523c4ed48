"""What goes into a task store and what it answers: frozen structs, no dicts.

Ids are UUID text. Times are µs: relative where the name says a duration (`delay`, `ttl`, `keep`, `lease`),
absolute on the store's clock where it ends in `_at` or `_until`. Answers of the hot path list only what did
not go as asked.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from omniq.models.states import Counter, OnParent, Reason, State, Until
from omniq.models.values import Micros

__all__ = (
    "ABANDONED_FOR",
    "MAX_NOTE",
    "PARENT_RECHECK",
    "TOMBSTONE",
    "CancelAnswer",
    "Claimed",
    "ClaimedTask",
    "DeleteAnswer",
    "EnqueueAnswer",
    "ExtendAnswer",
    "Fence",
    "Hold",
    "KvEntry",
    "NewTask",
    "Page",
    "QueueStats",
    "Ref",
    "Refusal",
    "RequeueAnswer",
    "SettleAnswer",
    "Settlement",
    "Swept",
    "TaskRecord",
    "Trouble",
    "UniqueKey",
    "Where",
)

Ref: TypeAlias = Any
"""A store's opaque word for a claimed task, a plain value: handed back in holder operations, never kept."""

TOMBSTONE: Micros = 600_000_000
"""Every terminal record is kept this long at least, so that a repeated enqueue is `known`."""
ABANDONED_FOR: Micros = 60_000_000
"""A claim that arrives this long after its abandon gives nothing."""
PARENT_RECHECK: Micros = 60_000_000
"""A task waiting longer than this has its parents looked at again by `sweep`."""
MAX_NOTE = 4096
"""Bytes of a note."""


class UniqueKey(msgspec.Struct, frozen=True):
    """A key with one holder at a time; `digest` is 16 bytes over project, task name and the user's key."""

    digest: bytes
    until: Until = Until.TERMINAL
    window: Micros = 0
    """Only with `Until.WINDOW`: held until the enqueue + window, whatever became of the task."""


class NewTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A task to write. `policy` and `payload` are opaque; everything else a store understands."""

    id: str
    name: str
    queue: str = "default"
    priority: int = 5
    payload: bytes = b""
    policy: bytes = b""
    digest: bytes = b""
    """16 bytes over the content: equal ids with equal digests are one task."""
    delay: Micros = 0
    run_at: Micros | None = None
    """Absolute, only where the user gave a time; in the past it means now. Excludes `delay`."""
    ttl: Micros | None = None
    expires_at: Micros | None = None
    """Absolute, only where the user gave a time. Excludes `ttl`."""
    keep: Micros = 86_400_000_000
    unique: UniqueKey | None = None
    parents: tuple[str, ...] = ()
    on_parent: OnParent = OnParent.SKIP
    tags: tuple[str, ...] = ()
    insert_before: Micros | None = None
    """Absolute: at or after it enqueue answers `late` and writes nothing."""


class Refusal(StrEnum):
    """Why one item of an enqueue was not created."""

    KNOWN = "known"
    CONFLICT = "conflict"
    UNIQUE = "unique"
    PARENT = "parent"
    LATE = "late"


class EnqueueAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One item that was not created; `index` is its place in the call."""

    index: int
    id: str
    what: Refusal
    state: State | None = None
    """With `known`: where the task stands."""
    holder: str | None = None
    """With `unique`: the id that holds the key. With `parent`: the parent that is unknown or was refused."""


class Fence(msgspec.Struct, frozen=True, gc=False):
    """Proof of holding one task: every operation of a holder carries it, a mismatch writes nothing."""

    task_id: str
    attempt: int
    claim_id: int


class ClaimedTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A task under lease, this attempt already counted. From `reclaim`, `payload` is empty."""

    fence: Fence
    ref: Ref
    name: str
    queue: str
    priority: int
    payload: bytes
    policy: bytes
    failures: int = 0
    crashes: int = 0
    releases: int = 0
    snoozes: int = 0
    cancel: bool = False
    enqueued_at: Micros = 0
    """When it was enqueued, or last requeued."""
    note: bytes = b""


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a claim."""

    tasks: list[ClaimedTask]
    expired: list[str] = []
    next_due: Micros | None = None
    """µs until the next eligible task: may be early, never late by more than 1 s; None when there is none.
    Told only when the answer is short of the limit."""
    now: Micros = 0
    """The store's time of this claim."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    """What a holder renews; `note` (None: unchanged) replaces the stored one."""

    fence: Fence
    ref: Ref
    note: bytes | None = None


class Trouble(StrEnum):
    """What a holder is told."""

    LOST = "lost"
    """The fence does not match: somebody else has the task, or it has ended."""
    CANCEL = "cancel"
    """Still held, and asked to stop. Only from `extend`."""
    CANCELLED = "cancelled"
    """The flag was set, so cancelled was written instead of ready or failed. Only from `settle`."""
    DONE = "done"
    """This fence had ended the task otherwise before. Only from `settle`."""


class ExtendAnswer(msgspec.Struct, frozen=True):
    """One hold that did not go as asked. `ref` is new where the store moves it (else None)."""

    task_id: str
    what: Trouble | None
    ref: Ref = None


class Settlement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one attempt ended, and what the task becomes."""

    fence: Fence
    ref: Ref
    to: State
    """succeeded, failed, ready or cancelled."""
    delay: Micros | None = None
    """With ready: from the store's now; None keeps eligible_at."""
    count: Counter | None = None
    """With ready: the one counter that goes up. With failed: the same, where one does."""
    reason: Reason | None = None
    error: bytes | None = None
    result: bytes | None = None
    keep: Micros | None = None
    """None: the task's own."""
    note: bytes | None = None
    after: tuple[NewTask, ...] = ()


class SettleAnswer(msgspec.Struct, frozen=True):
    """One settlement that did not go as asked: lost, cancelled or done."""

    task_id: str
    what: Trouble


class CancelAnswer(StrEnum):
    CANCELLED = "cancelled"
    REQUESTED = "requested"
    FINISHED = "finished"
    MISSING = "missing"


class RequeueAnswer(StrEnum):
    REQUEUED = "requeued"
    LIVE = "live"
    SUCCEEDED = "succeeded"
    HELD = "held"
    MISSING = "missing"


class DeleteAnswer(StrEnum):
    DELETED = "deleted"
    LIVE = "live"
    NEEDED = "needed"
    MISSING = "missing"


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a store knows of one task. `payload` and `result` are None unless asked for."""

    id: str
    name: str
    queue: str
    state: State
    priority: int
    attempt: int
    claim_id: int = 0
    """Of the latest claim: with id and attempt the fence that readers of results follow."""
    failures: int = 0
    crashes: int = 0
    releases: int = 0
    snoozes: int = 0
    epoch: int = 0
    cancel: bool = False
    reason: Reason | None = None
    run_at: Micros
    """eligible_at: max(run_at, enqueue, last parent, retry due)."""
    created_at: Micros
    enqueued_at: Micros
    started_at: Micros | None = None
    """Of the latest claim."""
    finished_at: Micros | None = None
    expires_at: Micros | None = None
    lease_until: Micros | None = None
    worker: str | None = None
    keep: Micros = 0
    """A value is hidden by its reader past finished_at + keep."""
    parents: tuple[str, ...] = ()
    on_parent: OnParent = OnParent.SKIP
    tags: tuple[str, ...] = ()
    policy: bytes = b""
    digest: bytes = b""
    note: bytes = b""
    error: bytes | None = None
    payload: bytes | None = None
    result: bytes | None = None


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """A filter; None and empty mean any. `since` and `until` bound created_at (since included)."""

    states: frozenset[State] = frozenset()
    queue: str | None = None
    name: str | None = None
    tag: str | None = None
    since: Micros | None = None
    until: Micros | None = None


class Page(msgspec.Struct, frozen=True):
    """Records newest first; `next` goes into `after` for the rest. A page may be short with `next` set."""

    items: list[TaskRecord]
    next: str | None = None


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """One queue in figures. `oldest_ready` is µs since the oldest eligible task became so."""

    queue: str
    counts: dict[State, int]
    oldest_ready: Micros | None = None
    paused: bool = False
    exact: bool = True


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep did; `more` says that it stopped at its limit."""

    ended: list[tuple[str, State]] = []
    purged: int = 0
    more: bool = False


class KvEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the small versioned key-value space."""

    key: str
    value: bytes
    version: int
    due: Micros | None = None
