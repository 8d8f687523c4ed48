"""One attempt, from the claim to its ending.

Invariant: whatever a body does, `attempt` hands over exactly one ending, and the engine's own cancellation
never leaks into it: why an attempt is stopped stands in `Execution.why` before its Task is cancelled.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import msgspec

from omniq import errors
from omniq.execution import ending as end
from omniq.execution.context import CancelRequested, Context, active
from omniq.execution.executor import Executor, Job
from omniq.execution.steering import Discard, Retry, Snooze
from omniq.models.policy import PLAIN, load_policy
from omniq.models.result import TaskError
from omniq.models.values import SECOND, Micros, span_text
from omniq.packing import unpack
from omniq.storage.records import ClaimedTask, Ref, Settlement

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
    hung one; `settlement` is what is to be written once it has ended. The lease thread writes `confirmed`,
    `ref` and the flag of the context, the loop all else.
    """

    __slots__ = (
        "atask", "cancel", "claimed", "confirmed", "context", "deadline", "ends", "job", "policy", "ref",
        "renew_until", "seconds", "settlement", "started", "task", "timeout", "trouble", "why",
    )  # fmt: skip

    def __init__(self, task: ClaimedTask, claimed: float, confirmed: float) -> None:
        self.task = task
        self.ref: Ref = task.ref
        self.policy = PLAIN
        self.trouble: end.Ending | None = None
        self.claimed, self.confirmed = claimed, confirmed
        self.started = self.seconds = 0.0
        self.deadline = self.timeout = self.ends = self.renew_until = FOREVER
        self.context: Context[Any] | None = None
        self.job: Job | None = None
        self.atask: asyncio.Task[None] | None = None
        self.cancel = task.cancel
        self.why: Why | None = None
        self.settlement: Settlement

    @property
    def id(self) -> str:
        return self.task.fence.task_id

    def read_policy(self, now: Micros) -> None:
        """Decode what core knows of the task; `now` is the store's time of the claim."""
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
        if policy is PLAIN:
            return
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
        if self.why is why:
            return  # each renewal says it again, and the body may be cleaning up
        if self.why is None or why is Why.LOST:
            self.why = why
        if self.atask is not None and self.context is not None:
            self.atask.cancel()  # not before its first step: a Task cancelled there never runs at all


class Runner:
    """Turns executions into endings: look-up, decoding, the body, encoding.

    `ended(execution, ending)` gets None for an attempt that was lost, of which nothing may be written.
    `begun` is called before a body, where somebody listens.
    """

    def __init__(
        self,
        registry: FunctionRegistry,
        serializer: SerializationManager,
        executor: Executor,
        *,
        worker: str,
        ended: Callable[[Execution, end.Ending | None], None],
        more_time: Callable[[Context[Any], float | None], None],
    ) -> None:
        self._registry, self._serializer, self._executor = registry, serializer, executor
        self._worker, self._done, self._more_time = worker, ended, more_time
        self.begun: Callable[[Context[Any]], None] | None = None
        self.state: Any = None
        self.stopping = False

    async def attempt(self, execution: Execution) -> None:
        """Run one attempt in the current Task: the only coroutine of ours around a body."""
        if execution.atask is None:  # started eagerly
            execution.atask = asyncio.current_task()
        ending: end.Ending | None = _INTERRUPTED
        try:
            context = execution.context = Context(execution.task, self.state, self._worker, self._more_time)
            context.stopping = self.stopping
            if self.begun is not None:
                self.begun(context)
            job = self._prepared(execution, context)
            if isinstance(job, Job):
                active.set(context)
                try:
                    value = await self._executor.run(job)
                except BaseException as error:
                    ending = self._left(execution, error)
                    if isinstance(error, GeneratorExit) or (job.asynchronous and isinstance(error, KeyboardInterrupt)):
                        raise  # nobody waits for this coroutine any more, or Ctrl-C met the loop inside the body
                else:
                    ending = self._returned(execution, value)
            else:
                ending = job
        finally:
            self._done(execution, ending)

    def _prepared(self, execution: Execution, context: Context[Any]) -> Job | end.Ending | None:
        """Give what to run, or how the attempt has ended before its body."""
        task = execution.task
        if execution.trouble is not None:
            return execution.trouble
        if execution.why is not None or execution.started >= execution.deadline:
            return self._stopped(execution)
        if execution.cancel:
            return end.Cancelled()
        try:
            function = self._registry.find(task.name)
        except Exception as error:  # importing its module may raise anything
            return end.UnknownTask(_error(error))
        if function is None:
            return end.UnknownTask(TaskError("", f"no task {task.name} is known here"))
        try:
            args, kwargs = unpack(task, function, self._serializer)
        except errors.BadArguments as error:
            return end.BadArguments(_error(error))
        except (errors.Undecodable, errors.CodecRefused) as error:
            return end.Undecodable(_error(error))
        except Exception as error:  # a user's type that cannot be built from what came
            return end.BadArguments(_error(error))
        job = execution.job = Job(function.function, args, kwargs, context, function.asynchronous)
        return job

    def _returned(self, execution: Execution, value: Any) -> end.Ending | None:
        if execution.why is Why.LOST:
            return None
        if not execution.policy.keep_result:
            return end.Returned()
        try:
            return end.Returned(self._serializer.dump_result(value))
        except errors.PayloadTooLarge as error:
            return end.ResultTooLarge(_error(error))
        except Exception as error:
            return end.ResultUnserializable(_error(error))

    def _left(self, execution: Execution, error: BaseException) -> end.Ending | None:
        """Judge what left the body, whatever it is; where the body was being stopped, that is why it left.

        A body that exits, or cancels itself, ends itself and not the worker. When the loop is torn down, every Task
        of it is cancelled; what is said here is then written by nobody.
        """
        if isinstance(error, asyncio.CancelledError) and (current := asyncio.current_task()) is not None:
            current.uncancel()
        if execution.why is not None:
            return self._stopped(execution)
        if execution.cancel or isinstance(error, CancelRequested):
            return end.Cancelled()
        match error:
            case Snooze():
                return end.Snoozed(error.delay)
            case Retry():
                return end.RetryAsked(_error(_of_the_body(error)), error.delay)
            case Discard():
                return end.Discarded(TaskError("omniq.Discard", error.why))
        return end.Raised(_error(_of_the_body(error)), end.type_names(type(error)))

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
                return end.DeadlinePassed(TaskError("", f"not finished within {after} of its enqueue"))


_INTERRUPTED = end.Interrupted()


def _of_the_body(error: BaseException) -> BaseException:
    """Take our own frames off the top of a traceback: they tell the user nothing."""
    at = error.__traceback__
    while at is not None and str(at.tb_frame.f_globals.get("__name__", "")).startswith("omniq."):
        at = at.tb_next
    return error if at is None else error.with_traceback(at)


def _error(error: BaseException) -> TaskError:
    return TaskError.of(error)
