"""What a worker says of its tasks: one readable line at a start and at an end, ids, never arguments."""

from __future__ import annotations

import logging
import time

from omniq.execution.ending import Ending
from omniq.models.result import load_error
from omniq.models.states import Counter, State
from omniq.models.values import SECOND, span_text
from omniq.storage.records import Settlement
from omniq.worker.attempt import Attempt

__all__ = ("Journal",)

log = logging.getLogger("omniq.worker")


class Journal:
    """Asks once whether anybody listens, so that a silent worker pays nothing."""

    def __init__(self) -> None:
        self._on = log.isEnabledFor(logging.INFO)

    def started(self, attempt: Attempt) -> None:
        if self._on:
            log.info("start %s %s attempt %d", attempt.task.name, attempt.id, attempt.task.fence.attempt)

    def ended(self, attempt: Attempt, ending: Ending, settlement: Settlement) -> None:
        if not self._on:
            return
        task = attempt.task
        took = span_text(round((time.monotonic() - attempt.started_at) * SECOND))
        if settlement.to is State.SUCCEEDED:
            log.info("done %s %s in %s", task.name, attempt.id, took)
        elif settlement.to is State.READY:
            log.info("%s", self._again(attempt, settlement))
        elif settlement.to is State.FAILED:
            kind = load_error(settlement.error).type if settlement.error else "no error"
            log.error("failed %s %s (%s) after %s: %s", task.name, attempt.id, settlement.reason, took, kind)
        else:
            log.info("cancelled %s %s after %s", task.name, attempt.id, took)

    def _again(self, attempt: Attempt, settlement: Settlement) -> str:
        task = attempt.task
        if settlement.count is not Counter.FAILURES:
            verb = "snooze" if settlement.count is Counter.SNOOZES else "release"
            return f"{verb} {task.name} {attempt.id} attempt {task.fence.attempt}"
        kind = load_error(settlement.error).type if settlement.error else "error"
        due = span_text(settlement.delay or 0)
        of = attempt.policy.retries.max + 1
        return (
            f"retry {task.name} {attempt.id} attempt {task.fence.attempt}: {kind}; "
            f"failure {task.failures + 1} of {of}, again in {due}"
        )
