"""One transition of one task, told as telemetry; the record is the truth."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from omniq.models.values import Micros

__all__ = ("EventType", "TaskEvent")


class EventType(StrEnum):
    """What happened; one a transition."""

    ENQUEUED = "ENQUEUED"
    EXECUTING = "EXECUTING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    RETRY = "RETRY"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    SKIPPED = "SKIPPED"
    RELEASED = "RELEASED"
    RECOVERED = "RECOVERED"
    SCHEDULE_PAUSED = "SCHEDULE_PAUSED"
    SCHEDULE_RESUMED = "SCHEDULE_RESUMED"
    SCHEDULE_FIRED = "SCHEDULE_FIRED"


class TaskEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `at` is µs since the epoch on the clock of the process that wrote it."""

    id: str
    type: EventType
    at: Micros
    task_id: str = ""
    name: str = ""
    queue: str = ""
    attempt: int = 0
    worker: str = ""
    schedule: str = ""
    message: str = ""
