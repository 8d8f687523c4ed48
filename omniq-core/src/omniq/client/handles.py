"""What an enqueue gives: the way to a task's state, value and end."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from omniq.errors import InvalidOption
from omniq.models.states import State
from omniq.models.values import Duration
from omniq.storage.records import CancelAnswer

if TYPE_CHECKING:
    from omniq.client.queue import AsyncTaskQueue

__all__ = ("AsyncHandle", "Completed", "handles_of")

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class AsyncHandle(Generic[R_co]):
    """One task in the store. `await handle` is `await handle.result()`."""

    __slots__ = ("_queue", "id")

    def __init__(self, queue: AsyncTaskQueue, task_id: str) -> None:
        self._queue = queue
        self.id = task_id

    async def result(self, timeout: Duration | None = None, *, allow_wait: bool = False) -> R_co:
        """Wait for the task to end and give its value; the task goes on if the wait ends first.

        Raises:
            TaskFailed: the body raised; the remote traceback is in the message.
            TaskCancelled, TaskExpired, TaskSkipped: it ended without a value.
            TaskNotFound, ResultExpired: purged, or past its result_ttl.
            ResultTimeout: not ended yet.
            WaitInsideTask: called in a task, where waiters could fill every slot; `allow_wait=True` insists.
        """
        value: R_co = await self._queue.results.value(self.id, timeout, allow_wait=allow_wait)
        return value

    async def state(self) -> State:
        """Give the task's state.

        Raises:
            TaskNotFound: never enqueued here, or purged.
        """
        return await self._queue.results.state(self.id)

    async def cancel(self) -> CancelAnswer:
        """Cancel the task: at once while it waits, by request while it runs."""
        return (await self._queue.cancel([self.id]))[0]

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self.result().__await__()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncHandle) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"AsyncHandle({self.id!r})"


class Completed(Generic[R]):
    """Handles in the order in which their tasks end."""

    def __init__(
        self, queue: AsyncTaskQueue, handles: Iterable[AsyncHandle[R]], timeout: Duration | None, allow_wait: bool
    ) -> None:
        self._by_id = {one.id: one for one in handles_of(handles)}
        self._ends = queue.results.ends(self._by_id, timeout, allow_wait=allow_wait)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncHandle[R]:
        return self._by_id[await anext(self._ends)]


H = TypeVar("H")


def handles_of(handles: Iterable[H], kind: type[Any] = AsyncHandle) -> list[H]:
    """List handles.

    Raises:
        InvalidOption: this is one handle alone, or something else is among them.
    """
    if isinstance(handles, kind) or not isinstance(handles, Iterable):
        raise InvalidOption("handles", f"a {type(handles).__name__} is no list of handles; write [handle]")
    listed = list(handles)
    for one in listed:
        if not isinstance(one, kind):
            raise InvalidOption("handles", f"a {type(one).__name__} is no {kind.__name__}; oq.handle(id) makes one")
    return listed
