"""Values and ends of tasks: read at once, or waited for by the engine's push."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Self

from omniq.client.looking import ids_of
from omniq.client.stores import Stores
from omniq.config.configured import Configured, serializer_of
from omniq.config.resolve import Config, places
from omniq.direct import NeedsLoop, is_direct
from omniq.errors import (
    OutcomeError,
    ResultExpired,
    ResultTimeout,
    StoreUnavailable,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    TaskNotFound,
    TaskSkipped,
    WaitInsideTask,
)
from omniq.execution.context import active
from omniq.models.result import TaskError, TaskResult, load_error
from omniq.models.states import Reason, State
from omniq.models.values import SECOND, Duration, Micros, span, span_text, to_datetime
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import Fence, TaskRecord
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("AsyncResultStorage", "Ends")

LONGEST_WAIT: Micros = 60 * SECOND
"""One subscription lasts so long, then the question is asked again."""
PAUSE = 0.2
_NO_VALUE = {State.CANCELLED: TaskCancelled, State.EXPIRED: TaskExpired, State.SKIPPED: TaskSkipped}


class AsyncResultStorage(Configured):
    """Reads results of one project: from the task store, or from a result store beside it.

    A reader follows the fence that the task record names, so a lost attempt's value is never served.
    """

    def __init__(self, stores: Stores, serializer: SerializationManager) -> None:
        self.stores = stores
        self._serializer = serializer

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make one that stands alone, from decided settings."""
        backends = places(config)
        return cls(Stores.of(backends), serializer_of(backends, config))

    async def open(self) -> None:
        """Open what is read from now instead of at the first use."""
        await self.stores.here()

    async def close(self) -> None:
        """Close it; the next use opens it again."""
        await self.stores.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def state(self, task_id: str) -> State:
        """Give a task's state. Raises TaskNotFound."""
        return (await self._record(task_id, result=False)).state

    async def get(self, task_id: str) -> TaskResult[Any] | None:
        """Give how a task ended; None while it has not, or when it is unknown."""
        record = (await self._records(ids_of(task_id)))[0]
        if record is None or not record.state.terminal:
            return None
        expired = await self._is_expired(record)
        raw = None if expired else await self._raw(record)
        expired = expired or (record.state is State.SUCCEEDED and raw is None)
        return TaskResult(
            task_id=task_id,
            state=record.state,
            value=None if raw is None else self._serializer.load_result(raw),
            error=None if record.error is None else load_error(record.error),
            reason=record.reason,
            attempt=record.attempt,
            expired=expired,
            started_at=None if record.started_at is None else to_datetime(record.started_at),
            finished_at=None if record.finished_at is None else to_datetime(record.finished_at),
        )

    async def value(self, task_id: str, timeout: Duration | None = None, *, allow_wait: bool = False) -> Any:
        """Wait for one task and give its value, or raise how it ended."""
        limit = None if timeout is None else span(timeout, "timeout")
        record = await self._record(task_id)
        if not record.state.terminal:
            await self.wait([task_id], limit, allow_wait=allow_wait)
            record = await self._record(task_id)
            if not record.state.terminal:
                raise ResultTimeout(task_id, "" if limit is None else span_text(limit))
        return await self._outcome(record)

    async def values(
        self, ids: Sequence[str], timeout: Duration | None = None, *, allow_wait: bool = False
    ) -> list[Any]:
        """Wait for all and give their values in order, or raise what the first without one raises."""
        async for _ in self.ends(ids, timeout, allow_wait=allow_wait):
            pass
        values = []
        for task_id, record in zip(ids, await self._records(ids), strict=True):
            if record is None:
                raise TaskNotFound(task_id)
            values.append(await self._outcome(record))
        return values

    def ends(self, ids: Iterable[str], timeout: Duration | None = None, *, allow_wait: bool = False) -> Ends:
        """Give the ids as their tasks end; raises ResultTimeout when the time is up first."""
        return Ends(self, ids, None if timeout is None else span(timeout, "timeout"), allow_wait)

    async def wait(self, ids: Sequence[str], timeout: Micros | None, *, allow_wait: bool = False) -> list[str]:
        """Wait until at least one has ended; empty when the time is up first. Survives an absent store.

        Raises:
            WaitInsideTask: there is something to wait for, and a task would do it.
        """
        store = (await self.stores.here()).tasks
        inside = not allow_wait and active.get(None) is not None
        if inside or is_direct():
            done = await store.wait_finished(ids, timeout=0)
            if done or timeout == 0:
                return done
            if inside:
                raise WaitInsideTask(ids[0])
            raise NeedsLoop
        return await self._wait(store, ids, timeout)

    async def _wait(self, store: BaseTaskQueue, ids: Sequence[str], timeout: Micros | None) -> list[str]:
        end = None if timeout is None else time.monotonic() + timeout / SECOND
        while True:
            left = LONGEST_WAIT if end is None else max(0, round((end - time.monotonic()) * SECOND))
            try:
                done = await store.wait_finished(ids, timeout=min(left, LONGEST_WAIT))
            except StoreUnavailable:
                if left == 0:
                    raise
                await asyncio.sleep(PAUSE)
                continue
            if done or (end is not None and left == 0):
                return done

    async def _records(self, ids: Sequence[str], *, result: bool = True) -> list[TaskRecord | None]:
        return await (await self.stores.here()).tasks.get(ids, result=result)

    async def _record(self, task_id: str, *, result: bool = True) -> TaskRecord:
        record = (await self._records([task_id], result=result))[0]
        if record is None:
            raise TaskNotFound(task_id)
        return record

    async def _outcome(self, record: TaskRecord) -> Any:
        if record.state is State.SUCCEEDED:
            raw = None if await self._is_expired(record) else await self._raw(record)
            if raw is None:  # a value of None has bytes too
                raise ResultExpired(record.id, record.keep > 0)
            return self._serializer.load_result(raw)
        raise _error(record)

    async def _raw(self, record: TaskRecord) -> bytes | None:
        results = (await self.stores.here()).results
        if results is None or record.state is not State.SUCCEEDED:
            return record.result
        stored = (await results.get([Fence(record.id, record.attempt, record.claim_id)]))[0]
        return None if stored is None else stored.value

    async def _is_expired(self, record: TaskRecord) -> bool:
        if record.finished_at is None or record.keep == 0:
            return False  # with 0 no value was kept, and an error does not expire
        return await (await self.stores.here()).tasks.server_now() >= record.finished_at + record.keep


class Ends:
    """The ids of tasks as these end, each once: one wait for all that are open, no loop in user code."""

    def __init__(
        self, results: AsyncResultStorage, ids: Iterable[str], timeout: Micros | None, allow_wait: bool
    ) -> None:
        self._results = results
        self._open = list(dict.fromkeys(ids))
        self._ended: deque[str] = deque()
        self._timeout = timeout
        self._until = None if timeout is None else time.monotonic() + timeout / SECOND
        self._allow_wait = allow_wait

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if not self._ended:
            if not self._open:
                raise StopAsyncIteration
            await self._more()
        return self._ended.popleft()

    async def _more(self) -> None:
        left = None if self._until is None else max(0, round((self._until - time.monotonic()) * SECOND))
        done = set(await self._results.wait(self._open, left, allow_wait=self._allow_wait))
        if not done:
            raise ResultTimeout(self._open[0], "" if self._timeout is None else span_text(self._timeout))
        self._ended.extend(one for one in self._open if one in done)
        self._open = [one for one in self._open if one not in done]


def _error(record: TaskRecord) -> OutcomeError:
    if record.state is not State.FAILED:
        return _NO_VALUE[record.state](record.id)
    error = TaskError("", "") if record.error is None else load_error(record.error)
    reason = record.reason or Reason.EXCEPTION
    return TaskFailed(record.id, reason, error.type, error.message, error.traceback)
