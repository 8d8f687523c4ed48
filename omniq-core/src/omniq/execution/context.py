"""What a running task knows of itself: `omniq.current()`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar, overload

from omniq.errors import NoCurrentTask
from omniq.models.policy import load_policy
from omniq.models.values import Duration, span
from omniq.storage.records import ClaimedTask, Fence

__all__ = ("CancelRequested", "Context", "HasState", "active", "current")

S = TypeVar("S")


class Context(Generic[S]):
    """One attempt, seen from inside its body. Any thread of the body may read it.

    The engine sets the flags from the loop; a body polls them (`cancelled`, `stopping`) or calls
    `raise_if_cancelled`, the civil way in a thread.
    """

    __slots__ = ("_extend", "_task", "cancelled", "stopping", "state", "worker")  # noqa: RUF023

    def __init__(
        self,
        task: ClaimedTask,
        state: S,
        worker: str,
        extend: Callable[[Context[Any], float | None], None] | None = None,
    ) -> None:
        self._task = task
        self._extend = extend
        self.state = state
        self.worker = worker
        self.cancelled = False
        self.stopping = False

    @property
    def id(self) -> str:
        """The task's id: a key for making side effects idempotent."""
        return self._task.fence.task_id

    @property
    def name(self) -> str:
        return self._task.name

    @property
    def queue(self) -> str:
        return self._task.queue

    @property
    def attempt(self) -> int:
        """1 for the first start; it never goes back."""
        return self._task.fence.attempt

    @property
    def fence(self) -> Fence:
        """(task id, attempt, claim id): hand it to what you write to, so that a stale attempt is refused."""
        return self._task.fence

    @property
    def metadata(self) -> dict[str, str]:
        """What the enqueue said as `metadata=`; read from the policy at each look."""
        return dict(load_policy(self._task.policy).metadata)

    @property
    def logger(self) -> logging.Logger:
        """A stdlib logger named for the task."""
        return logging.getLogger(f"omniq.task.{self._task.name.replace(':', '.')}")

    def raise_if_cancelled(self) -> None:
        """Leave the body if the task was asked to stop; it then ends as cancelled.

        Raises:
            CancelRequested: the cancel flag is set.
        """
        if self.cancelled:
            raise CancelRequested(self.id)

    def extend(self, timeout: Duration | None) -> None:
        """Give this attempt more time: its timeout counts anew from now; None takes the limit away."""
        if self._extend is not None:
            self._extend(self, None if timeout is None else span(timeout, "timeout") / 1_000_000)


class CancelRequested(Exception):
    """Raised by `raise_if_cancelled`. Any exception that leaves a flagged body ends it as cancelled."""


S_co = TypeVar("S_co", covariant=True)


class HasState(Protocol[S_co]):
    """An app, as far as `current` needs it: the type of its lifespan's value."""

    @property
    def lifespan(self) -> Callable[[], AbstractAsyncContextManager[S_co]] | None: ...


active: ContextVar[Context[Any]] = ContextVar("omniq.current")


@overload
def current() -> Context[Any]: ...
@overload
def current(app: HasState[S], /) -> Context[S]: ...
def current(app: Any = None, /) -> Context[Any]:
    """Give the context of the task that runs here; naming the app types its `state`.

    Raises:
        NoCurrentTask: outside a task body.
    """
    try:
        return active.get()
    except LookupError:
        raise NoCurrentTask from None
