"""One execution: from a claimed task to its ending, in one asyncio Task.

Everything that user code can do is caught here, so an attempt always has exactly one ending.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from omniq.errors import BadArguments, CodecRefused, PayloadTooLarge, Undecodable, Unserializable
from omniq.execution.context import Context, active
from omniq.execution.ending import (
    Cancelled,
    Discarded,
    Ending,
    Interrupted,
    PastDeadline,
    Raised,
    Refused,
    RetryAsked,
    Returned,
    Snoozed,
    TimedOut,
    UnknownTask,
)
from omniq.execution.executor import Executor, Job
from omniq.execution.steering import Discard, Retry, Snooze
from omniq.functions import FunctionRegistry
from omniq.models.policy import load_policy
from omniq.models.result import TaskError
from omniq.models.states import Reason
from omniq.models.values import SECOND
from omniq.names import module_name
from omniq.packing import unpack
from omniq.serialization.manager import SerializationManager
from omniq.worker.attempt import FOR_EVER, Attempt, Why

__all__ = ("Runner",)


class Runner:
    """Runs attempts on one executor; `watch` is told of every attempt that has a time limit."""

    def __init__(
        self,
        executor: Executor,
        registry: FunctionRegistry,
        serializer: SerializationManager,
        worker: str,
        watch: Callable[[float], None],
    ) -> None:
        self._executor = executor
        self._registry = registry
        self._serializer = serializer
        self._worker = worker
        self._watch = watch
        self.state: Any = None

    async def run(self, attempt: Attempt) -> Ending:
        """Run one attempt to its ending; raises nothing."""
        task = attempt.task
        try:
            if task.policy:
                attempt.policy = load_policy(task.policy)
            found = unpack(task, self._registry, self._serializer)
        except (Undecodable, CodecRefused, msgspec.DecodeError) as why:
            return Refused(Reason.UNDECODABLE, TaskError.of(why))
        except BadArguments as why:
            return Refused(Reason.BAD_ARGUMENTS, TaskError.of(why))
        if found is None:
            return UnknownTask()
        if attempt.cancel:
            return Cancelled()
        function, args, kwargs = found
        context = attempt.context = Context(task, self.state, self._worker, self._extender(attempt))
        active.set(context)
        self._limit(attempt)
        if attempt.deadline <= time.monotonic():
            return PastDeadline()
        job = Job(function.function, args, kwargs, context, function.asynchronous)
        attempt.stoppable = self._executor.can_stop(job)
        return await self._body(attempt, job)

    async def _body(self, attempt: Attempt, job: Job) -> Ending:
        try:
            value = await self._executor.run(job)
        except asyncio.CancelledError as error:
            if attempt.why is not None:
                current = asyncio.current_task()
                if current is not None:
                    current.uncancel()
            return self._stopped(attempt, error)
        except GeneratorExit:  # the loop is gone; there is no way to end anything
            raise
        except BaseException as error:  # user code: SystemExit must not end the worker
            return self._raised(attempt, error)
        if not attempt.policy.keep_result:
            return Returned(None)
        try:
            return Returned(self._serializer.dump_result(value))
        except Unserializable as why:
            return Refused(Reason.RESULT_UNSERIALIZABLE, TaskError.of(why))
        except PayloadTooLarge as why:
            return Refused(Reason.RESULT_TOO_LARGE, TaskError.of(why))

    def _stopped(self, attempt: Attempt, error: BaseException) -> Ending:
        match attempt.why:
            case Why.TIMEOUT:
                return TimedOut(attempt.policy.timeout or 0)
            case Why.DEADLINE:
                return PastDeadline()
            case Why.CANCEL:
                return Cancelled()
            case Why.SHUTDOWN | Why.LOST:
                return Interrupted()
            case None:  # the body cancelled itself: an error like any other
                return self._raised(attempt, error)

    def _raised(self, attempt: Attempt, error: BaseException) -> Ending:
        if attempt.cancel:
            return Cancelled()
        match error:
            case Snooze():
                return Snoozed(error.delay)
            case Discard():
                return Discarded(error.why)
            case Retry():
                return RetryAsked(TaskError.of(error), error.delay)
        if attempt.why in (Why.TIMEOUT, Why.DEADLINE, Why.SHUTDOWN):
            return self._stopped(attempt, error)
        bases = tuple(f"{module_name(base.__module__)}:{base.__qualname__}" for base in type(error).__mro__)
        return Raised(TaskError.of(error), bases)

    def _limit(self, attempt: Attempt) -> None:
        policy = attempt.policy
        now = attempt.started_at
        if policy.deadline is not None:
            attempt.deadline = attempt.deadline_at(policy.deadline)
        if policy.timeout is not None:
            attempt.timeout_at = now + policy.timeout / SECOND
        if policy.max_runtime is not None:
            attempt.renew_until = now + policy.max_runtime / SECOND
        earliest = min(attempt.timeout_at, attempt.deadline)
        if earliest < FOR_EVER:
            self._watch(earliest)

    def _extender(self, attempt: Attempt) -> Callable[[float | None], None]:
        loop = asyncio.get_running_loop()

        def extend(seconds: float | None) -> None:
            attempt.timeout_at = FOR_EVER if seconds is None else time.monotonic() + seconds
            if attempt.timeout_at < FOR_EVER:
                loop.call_soon_threadsafe(self._watch, attempt.timeout_at)

        return extend
