"""Values and ends of tasks: read at once, or waited for by the engine's push."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

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
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("AsyncResultStorage",)

T = TypeVar("T")

LONGEST_WAIT: Micros = 60 * SECOND
"""One subscription lasts so long, then the question is asked again."""
PAUSE = 0.2
_NO_VALUE = {State.CANCELLED: TaskCancelled, State.EXPIRED: TaskExpired, State.SKIPPED: TaskSkipped}


class AsyncResultStorage:
    """Reads results of one project: from the task store, or from a result store beside it.

    A reader follows the fence that the task record names, so a lost attempt's value is never served.
    """

    def __init__(
        self, tasks: BaseTaskQueue, results: BaseResultStorage | None, serializer: SerializationManager
    ) -> None:
        self._tasks = tasks
        self._results = results
        self._serializer = serializer

    async def open(self) -> None:
        """Open what is read from."""
        await self._tasks.open()
        if self._results is not None:
            await self._results.open()

    async def close(self) -> None:
        """Close it again."""
        await self._tasks.close()
        if self._results is not None:
            await self._results.close()

    async def __aenter__(self) -> AsyncResultStorage:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def state(self, task_id: str) -> State:
        """Give a task's state. Raises TaskNotFound."""
        return (await self._record(task_id, result=False)).state

    async def get(self, task_id: str) -> TaskResult[Any] | None:
        """Give how a task ended; None while it has not, or when it is unknown."""
        record = (await self._tasks.get([task_id], result=True))[0]
        if record is None or not record.state.terminal:
            return None
        expired = await self._is_expired(record)
        raw = None if expired else await self._raw(record)
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

    async def value(self, task_id: str, timeout: Duration | None, *, allow_wait: bool = False) -> Any:
        """Wait for one task and give its value, or raise how it ended."""
        limit = None if timeout is None else span(timeout, "timeout")
        record = await self._record(task_id)
        if not record.state.terminal:
            if not allow_wait and active.get(None) is not None:
                raise WaitInsideTask(task_id)
            await self.wait([task_id], limit)
            record = await self._record(task_id)
            if not record.state.terminal:
                raise ResultTimeout(task_id, "" if limit is None else span_text(limit))
        return await self._outcome(record)

    async def values(self, ids: Sequence[str], timeout: Duration | None) -> list[Any]:
        """Wait for all and give their values in order, or raise the first that has none."""
        limit = None if timeout is None else span(timeout, "timeout")
        open_ids = set(ids)
        async for done in self.finished(ids, limit):
            open_ids.discard(done)
        if open_ids:
            raise ResultTimeout(min(open_ids), "" if limit is None else span_text(limit))
        records = await self._tasks.get(list(ids), result=True)
        values = []
        for task_id, record in zip(ids, records, strict=True):
            if record is None:
                raise TaskNotFound(task_id)
            values.append(await self._outcome(record))
        return values

    async def finished(self, ids: Sequence[str], timeout: Micros | None) -> AsyncIterator[str]:
        """Give the ids as their tasks end; ends early when the time is up."""
        left = list(dict.fromkeys(ids))
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout / SECOND
        while left:
            rest = None if end is None else max(0, round((end - loop.time()) * SECOND))
            done = set(await self.wait(left, rest))
            if not done:
                return
            for task_id in left:
                if task_id in done:
                    yield task_id
            left = [task_id for task_id in left if task_id not in done]

    async def wait(self, ids: Sequence[str], timeout: Micros | None) -> list[str]:
        """Wait until at least one has ended; empty when the time is up first. Survives an absent store."""
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout / SECOND
        while True:
            left = LONGEST_WAIT if end is None else max(0, round((end - loop.time()) * SECOND))
            try:
                done = await self._tasks.wait_finished(ids, timeout=min(left, LONGEST_WAIT))
            except StoreUnavailable:
                if left == 0:
                    raise
                await asyncio.sleep(PAUSE)
                continue
            if done or (end is not None and left == 0):
                return done

    async def _record(self, task_id: str, *, result: bool = True) -> TaskRecord:
        record = (await self._tasks.get([task_id], result=result))[0]
        if record is None:
            raise TaskNotFound(task_id)
        return record

    async def _outcome(self, record: TaskRecord) -> Any:
        if record.state is State.SUCCEEDED:
            if await self._is_expired(record):
                raise ResultExpired(record.id)
            raw = await self._raw(record)
            return None if raw is None else self._serializer.load_result(raw)
        raise _error(record)

    async def _raw(self, record: TaskRecord) -> bytes | None:
        if self._results is None or record.state is not State.SUCCEEDED:
            return record.result
        stored = (await self._results.get([Fence(record.id, record.attempt, record.claim_id)]))[0]
        return None if stored is None else stored.value

    async def _is_expired(self, record: TaskRecord) -> bool:
        if record.finished_at is None or record.keep == 0:
            return False
        return await self._tasks.server_now() >= record.finished_at + record.keep


def _error(record: TaskRecord) -> OutcomeError:
    if record.state is not State.FAILED:
        return _NO_VALUE[record.state](record.id)
    error = TaskError("", "") if record.error is None else load_error(record.error)
    reason = record.reason or Reason.EXCEPTION
    return TaskFailed(record.id, reason, error.type, error.message, error.traceback)
