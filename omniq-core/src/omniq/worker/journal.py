"""One readable line at a task's start, end and retry: what happened to which task, never with what arguments.

Messages of exceptions may quote arguments, so a line names the type only; the rest is in the record.
"""

from __future__ import annotations

import logging

from omniq.models.result import load_error
from omniq.models.states import Counter, State
from omniq.models.values import SECOND, span_text
from omniq.storage.records import ClaimedTask, Fence, Settlement

__all__ = ("Journal",)


class Journal:
    """Writes the lines. `on` was asked once, since a busy worker would ask 60,000 times a second."""

    __slots__ = ("_log", "on")

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self.on = log.isEnabledFor(logging.INFO)

    def started(self, name: str, fence: Fence) -> None:
        if self.on:
            self._log.info("start   %s %s attempt %d", name, fence.task_id, fence.attempt)

    def settled(self, task: ClaimedTask, asked: Settlement, became: State, seconds: float) -> None:
        if self.on:
            self._log.info("%s", _line(task, asked, became, seconds))

    def lost(self, task: ClaimedTask) -> None:
        """An attempt whose outcome counts for nothing; worth a warning, since its body may run twice."""
        self._log.warning("lost    %s %s: its lease went to somebody else", task.name, task.fence.task_id)


def _line(task: ClaimedTask, asked: Settlement, became: State, seconds: float) -> str:
    what = f"{task.name} {task.fence.task_id}"
    took = span_text(round(seconds * SECOND))
    cause = load_error(asked.error).type if asked.error is not None else ""
    if became is State.READY:
        when = f"in {span_text(asked.delay)}" if asked.delay else "at once"
        match asked.count:
            case Counter.FAILURES:
                return f"retry   {what} {when}, {cause} after {took}, failure {task.failures + 1}"
            case Counter.CRASHES:
                return f"retry   {what} {when}, its worker is gone, crash {task.crashes + 1}"
            case Counter.SNOOZES:
                return f"snooze  {what} {when}"
            case _:
                return f"release {what} {when}" + (f", {cause}" if cause else "")
    reason = f" ({asked.reason}: {cause})" if became is State.FAILED and asked.reason else ""
    return f"end     {what} {became} in {took}{reason}"
