"""One attempt, from the claim to its ending.

Invariant: whatever a body does, `attempt` gives exactly one ending, and the engine's own cancellation never
leaks into it: why an attempt is stopped stands in `Execution.why` before its Task is cancelled.
"""

from __future__ import annotations

import asyncio
import math
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import msgspec

from omniq import errors
from omniq.execution import ending as end
from omniq.execution.context import CancelRequested, Context, active
from omniq.execution.executor import Executor, Job
from omniq.execution.steering import Discard, Retry, Snooze
from omniq.models.policy import PLAIN, TaskPolicy, load_policy
from omniq.models.result import TaskError
from omniq.models.values import SECOND, Micros, span_text
from omniq.packing import unpack
from omniq.storage.records import ClaimedTask, Ref

if TYPE_CHECKING:
    from omniq.functions import FunctionRegistry
    from omniq.serialization.manager import SerializationManager

__all__ = ("FOREVER", "Execution", "Runner", "Why")

FOREVER = math.inf


class Why(Enum):
    """Why the engine stops an attempt."""

    TIMEOUT = auto()
    DEADLINE = auto()
    CANCEL = auto()
    SHUTDOWN = auto()
    LOST = auto()
    """The lease is gone: somebody else may run the task, so this attempt has no ending."""


class Execution:
    """One claimed task in the hands of this worker. Seconds on the loop's clock, unless said otherwise.

    `confirmed` is when the last successful claim or renewal was sent; `renew_until` ends the renewal of a
    hung one. The lease thread writes `confirmed`, `ref` and the flag of the context, the loop all else.
    """

    __slots__ = (
        "atask", "cancel", "claimed", "confirmed", "context", "deadline", "ends", "job", "policy", "ref",
        "renew_until", "started", "task", "timeout", "trouble", "why",
    )  # fmt: skip

    def __init__(self, task: ClaimedTask, claimed: float, confirmed: float) -> None:
        self.task = task
        self.ref: Ref = task.ref
        self.policy = PLAIN
        self.trouble: end.Ending | None = None
        self.claimed, self.confirmed = claimed, confirmed
        self.started = 0.0
        self.deadline = FOREVER
        self.timeout = FOREVER
        self.ends = FOREVER
        self.renew_until = FOREVER
        self.context: Context[Any] | None = None
        self.job: Job | None = None
        self.atask: asyncio.Task[None] | None = None
        self.cancel = task.cancel
        self.why: Why | None = None

    @property
    def id(self) -> str:
        return self.task.fence.task_id

    def is_lost(self) -> bool:
        return self.why is Why.LOST

    def read_policy(self, now: Micros) -> None:
        """Decode what core knows of the task; `now` is the store's time of the claim."""
        if not self.task.policy:
            return
        try:
            policy = self.policy = load_policy(self.task.policy)
        except msgspec.DecodeError as why:
            self.trouble = end.Undecodable(_error(errors.Undecodable(f"its policy: {why}")))
            return
        if policy.deadline is not None:
            self.deadline = self.claimed + (self.task.enqueued_at + policy.deadline - now) / SECOND

    def begin(self, now: float, grace: Micros) -> None:
        """Start the clocks of this attempt."""
        self.started = now
        policy = self.policy
        if policy.timeout is not None:
            self.timeout = now + policy.timeout / SECOND
            self.renew_until = self.timeout + grace / SECOND
        if policy.max_runtime is not None:
            self.renew_until = now + policy.max_runtime / SECOND
        self.ends = min(self.timeout, self.deadline)

    def more_time(self, now: float, seconds: float | None, grace: Micros) -> None:
        """Count the timeout anew from now; None takes it away."""
        self.timeout = FOREVER if seconds is None else now + seconds
        if self.policy.max_runtime is None:
            self.renew_until = FOREVER if seconds is None else self.timeout + grace / SECOND
        self.ends = min(self.timeout, self.deadline)

    def overrun(self, now: float) -> Why | None:
        """Say which limit is passed."""
        if now >= self.deadline:
            return Why.DEADLINE
        return Why.TIMEOUT if now >= self.timeout else None

    def stop(self, why: Why, executor: Executor) -> None:
        """Stop the body, by its flag and, where that can work or the slot is given up, by cancellation."""
        if self.context is not None and why in (Why.CANCEL, Why.LOST):
            self.context.cancelled = True
        if why is Why.CANCEL:
            self.cancel = True
            if self.job is None or not executor.interrupts(self.job):
                return
        if self.why is None or why is Why.LOST:
            self.why = why
        if self.atask is not None and self.context is not None:
            self.atask.cancel()  # not before its first step: a Task cancelled there never runs at all


class Runner:
    """Turns executions into endings: look-up, decoding, the body, encoding."""

    def __init__(self, registry: FunctionRegistry, serializer: SerializationManager, executor: Executor) -> None:
        self._registry, self._serializer, self._executor = registry, serializer, executor

    async def attempt(self, execution: Execution, context: Context[Any]) -> end.Ending | None:
        """Run one attempt in the current Task; None when it was lost and nothing may be written."""
        task = execution.task
        execution.context = context
        try:
            if execution.is_lost():
                return None
            if (trouble := self._trouble(execution)) is not None:
                return trouble
            if isinstance(job := self._job(task, context), Job):
                execution.job = job
            else:
                return job
            active.set(context)
            try:
                value = await self._executor.run(job)
            except Exception as error:
                return self._ended(execution, error)
            if execution.is_lost():
                return None
            return self._returned(task, execution.policy, value)
        except asyncio.CancelledError as error:
            current = asyncio.current_task()
            if execution.why is not None:
                if current is not None:
                    current.uncancel()
                return self._stopped(execution)
            if current is not None and current.cancelling():
                raise  # not ours: the loop is being torn down
            return self._ended(execution, error)
        except SystemExit as error:  # a body that exits ends itself, not the worker
            return self._ended(execution, error)

    def _trouble(self, execution: Execution) -> end.Ending | None:
        if execution.trouble is not None:
            return execution.trouble
        if execution.why is not None or execution.started >= execution.deadline:
            return self._stopped(execution)
        return end.Cancelled() if execution.cancel else None

    def _job(self, task: ClaimedTask, context: Context[Any]) -> Job | end.Ending:
        try:
            function = self._registry.find(task.name)
        except Exception as error:  # importing its module may raise anything
            return end.UnknownTask(_error(error))
        if function is None:
            return end.UnknownTask(TaskError("omniq.UnknownTask", f"no task {task.name} is known here"))
        try:
            args, kwargs = unpack(task, function, self._serializer)
        except errors.BadArguments as error:
            return end.BadArguments(_error(error))
        except (errors.Undecodable, errors.CodecRefused) as error:
            return end.Undecodable(_error(error))
        except Exception as error:  # a user's type that cannot be built from what came
            return end.BadArguments(_error(error))
        return Job(function.function, args, kwargs, context, function.asynchronous)

    def _returned(self, task: ClaimedTask, policy: TaskPolicy, value: Any) -> end.Ending:
        if not policy.keep_result:
            return end.Returned()
        try:
            return end.Returned(self._serializer.dump_result(value))
        except errors.PayloadTooLarge as error:
            return end.ResultTooLarge(_error(error))
        except Exception as error:
            return end.ResultUnserializable(_error(error))

    def _ended(self, execution: Execution, error: BaseException) -> end.Ending | None:
        """Judge an exception that left the body; where the body was being stopped, that is why it left."""
        if execution.why is not None:
            return self._stopped(execution)
        if execution.cancel or isinstance(error, CancelRequested):
            return end.Cancelled()
        match error:
            case Snooze():
                return end.Snoozed(error.delay)
            case Retry():
                return end.RetryAsked(_error(error), error.delay)
            case Discard():
                return end.Discarded(TaskError("omniq.Discard", error.why))
        return end.Raised(_error(error), end.type_names(type(error)))

    def _stopped(self, execution: Execution) -> end.Ending | None:
        policy = execution.policy
        match execution.why:
            case Why.LOST:
                return None
            case Why.CANCEL:
                return end.Cancelled()
            case Why.SHUTDOWN:
                return end.Cancelled() if execution.cancel else end.Interrupted()
            case Why.TIMEOUT:
                after = span_text(policy.timeout) if policy.timeout is not None else "the time it asked for"
                return end.TimedOut(TaskError("TimeoutError", f"the attempt took longer than {after}"))
            case _:
                after = span_text(policy.deadline or 0)
                return end.DeadlinePassed(
                    TaskError("omniq.DeadlinePassed", f"not finished within {after} of its enqueue")
                )


def _error(error: BaseException) -> TaskError:
    return TaskError.of(error)
