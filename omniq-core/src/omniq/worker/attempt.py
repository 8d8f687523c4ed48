"""One attempt while this process holds it: what is leased, what runs, and why it was stopped."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any

from omniq.execution.context import Context
from omniq.models.policy import PLAIN, TaskPolicy
from omniq.models.values import SECOND, Micros
from omniq.storage.records import ClaimedTask

__all__ = ("Attempt", "Why")

FOR_EVER = float("inf")


class Why(Enum):
    """Why the engine stopped a body."""

    TIMEOUT = auto()
    DEADLINE = auto()
    CANCEL = auto()
    LOST = auto()
    SHUTDOWN = auto()


class Attempt:
    """Times are seconds on the monotonic clock of this process."""

    __slots__ = (
        "_store_now","cancel", "claimed_at", "context", "deadline", "policy", "renew_until", "running",
                 "started_at", "stoppable", "task", "timeout_at", "valid_from", "why")  # fmt: skip

    def __init__(self, task: ClaimedTask, sent_at: float, store_now: Micros) -> None:
        self.task = task
        self.policy: TaskPolicy = PLAIN
        self.claimed_at = sent_at
        self._store_now = store_now  # of the claim: the bridge between the store's clock and ours
        self.valid_from = sent_at  # when the last confirmed claim or renewal was sent
        self.renew_until = FOR_EVER
        self.timeout_at = FOR_EVER
        self.deadline = FOR_EVER
        self.started_at = 0.0
        self.cancel = task.cancel
        self.why: Why | None = None
        self.context: Context[Any] | None = None
        self.running: asyncio.Task[None] | None = None
        self.stoppable = True  # False while a thread runs the body: it can be asked, not stopped

    @property
    def id(self) -> str:
        return self.task.fence.task_id

    @property
    def lost(self) -> bool:
        return self.why is Why.LOST

    def deadline_at(self, deadline: Micros) -> float:
        """When the task's deadline, counted from its enqueue on the store's clock, is reached on ours."""
        return self.claimed_at + (self.task.enqueued_at + deadline - self._store_now) / SECOND

    def ask_to_cancel(self) -> None:
        """Pass a cancel request on: a coroutine is cancelled, a thread sees its flag."""
        if self.cancel and (self.context is None or self.context.cancelled):
            return
        self.cancel = True
        if self.context is not None:
            self.context.cancelled = True
        if self.stoppable and self.running is not None:
            self.stop(Why.CANCEL)

    def stop(self, why: Why) -> None:
        """End the body from outside; the first reason stays, but a lost lease outranks all."""
        if self.why is not None and why is not Why.LOST:
            return
        first = self.why is None
        self.why = why
        if self.context is not None:
            self.context.cancelled = True
        if first and self.running is not None:
            self.running.cancel()
