"""The stored record of a task, as a person reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from omniq.models.states import Reason, State

__all__ = ("Task",)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task: what it is, where it stands, and how often it went wrong.

    `failures` counts the last one too. `run_at` is when it becomes, or became, eligible. All times are aware
    datetimes in UTC, on the store's clock.
    """

    id: str
    name: str
    queue: str
    state: State
    reason: Reason | None = None
    priority: int = 5
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    releases: int = 0
    snoozes: int = 0
    cancel_requested: bool = False
    run_at: datetime
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    worker: str | None = None
    parents: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
