"""What a worker kind implements: a way to run one function, and how that can end.

The engine (demand, leases, timeouts, cancellation, outcome, settling) exists once and does not know kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from omniq.execution.context import Context

__all__ = ("Executor", "Job")


class Job:
    """One call to run: function, decoded arguments, and the context that `current()` gives inside it.

    `asynchronous` is known once per function, so a kind need not inspect it for every job.
    """

    __slots__ = ("args", "asynchronous", "context", "function", "kwargs")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: Context[Any],
        asynchronous: bool,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.context = context
        self.asynchronous = asynchronous


class Executor(ABC):
    """A way to run functions, `concurrency` at once.

    `run` is awaited in the one asyncio Task of the execution, with the context variable already set. It gives
    the value or raises what the body raised. Cancelling that Task is how the engine stops a body: a coroutine
    sees CancelledError, a child is killed, and a thread goes on alone (see `stuck`).
    """

    on_free: Callable[[], None] | None = None
    """Set by the engine, called on its loop when a stuck slot is free again."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency

    def interrupts(self, job: Job) -> bool:
        """Say whether cancelling `run` stops the body; a thread is asked by its context's flag alone."""
        return True

    @property
    def stuck(self) -> int:
        """Slots taken by bodies that were given up and still run, as a thread does after its timeout."""
        return 0

    async def open(self) -> None:  # noqa: B027
        """Start what is needed; nothing may be started before."""

    @abstractmethod
    def run(self, job: Job) -> Awaitable[Any]:
        """Run one job to its end: a coroutine function, or a way to what can be awaited."""

    async def close(self) -> None:  # noqa: B027
        """Let go of threads and children; what is stuck is left behind."""
