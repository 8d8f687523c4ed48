"""Sends calls and acts on tasks: the producer's side of one store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from omniq.client.handles import AsyncHandle
from omniq.client.looking import Filter, as_task, where
from omniq.client.options import Defaults, check_options, resolve
from omniq.client.results import AsyncResultStorage
from omniq.direct import is_direct
from omniq.errors import IdConflict, NotSupported, StoreUnavailable, UniqueConflict
from omniq.models.call import Call
from omniq.models.states import State
from omniq.models.task import Task as TaskInfo
from omniq.models.values import Duration, span
from omniq.packing import Enqueue, pack
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import (
    CancelAnswer,
    DeleteAnswer,
    EnqueueAnswer,
    NewTask,
    QueueStats,
    Refusal,
    RequeueAnswer,
)
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("AsyncTaskQueue", "Page")

AMBIGUOUS_FOR = 300.0
"""Seconds for which an enqueue of unknown outcome is repeated: less than a tombstone is kept."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
PURGE_PAGE = 500


class Page(msgspec.Struct, frozen=True):
    """Tasks newest first; `next` goes into `after` for the rest, None at the end. It may be short."""

    items: list[TaskInfo]
    next: str | None = None

    def __iter__(self) -> Iterator[TaskInfo]:
        return iter(self.items)


class AsyncTaskQueue:
    """One project's tasks in one store. Opening is lazy: every verb opens what it needs."""

    def __init__(
        self,
        store: BaseTaskQueue,
        serializer: SerializationManager,
        *,
        project: str = "default",
        results: BaseResultStorage | None = None,
        defaults: Defaults | None = None,
    ) -> None:
        self.store = store
        self.project = project
        self.results = AsyncResultStorage(store, results, serializer)
        self._serializer = serializer
        self._defaults = defaults or Defaults()
        self._opened = False

    async def open(self) -> None:
        """Open the store, unless it is open."""
        if not self._opened:
            await self.results.open()
            self._opened = True

    @property
    def is_open(self) -> bool:
        return self._opened

    async def close(self) -> None:
        """Close the store; it may be opened again."""
        if self._opened:
            self._opened = False
            await self.results.close()

    async def __aenter__(self) -> AsyncTaskQueue:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def check(self, options: Mapping[str, Any], *, declaring: bool = False) -> None:
        """Refuse unknown options at once. Raises InvalidOption, NotSupported."""
        check_options(options, self.store.name, declaring=declaring)

    async def enqueue(self, calls: Sequence[Call[Any]]) -> list[AsyncHandle[Any]]:
        """Write many calls in as few round trips as the store allows; give a handle each, in order.

        Raises:
            Unserializable, PayloadTooLarge, InvalidOption: nothing was written.
            IdConflict, UniqueConflict: that call was refused; the others were written.
        """
        await self.open()
        tasks, options = [], []
        for call in calls:
            self.check(call.options)
            resolved = resolve(call.options, self._defaults)
            options.append(resolved)
            tasks.append(pack(call.name, call.args, call.kwargs, resolved, self._serializer, self.project))
        answers = await self._write(tasks, fresh=all(one.id is None for one in options))
        ids = [task.id for task in tasks]
        for answer in answers:
            ids[answer.index] = self._answered(answer, tasks[answer.index], options[answer.index])
        return [AsyncHandle(self, task_id) for task_id in ids]

    async def _write(self, tasks: list[NewTask], *, fresh: bool) -> list[EnqueueAnswer]:
        """Enqueue; repeat an outcome that is unknown, which the ids make safe."""
        end, pause = time.monotonic() + AMBIGUOUS_FOR, FIRST_PAUSE
        while True:
            try:
                return await self.store.enqueue(tasks, fresh=fresh)
            except StoreUnavailable:
                # Under the direct mark nothing may suspend, and the store has waited by itself already.
                if is_direct() or time.monotonic() > end:
                    raise
                fresh = False
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _answered(self, answer: EnqueueAnswer, task: NewTask, options: Enqueue) -> str:
        match answer.what:
            case Refusal.KNOWN:
                return task.id
            case Refusal.UNIQUE if not options.raise_on_conflict:
                return answer.holder or task.id
            case Refusal.UNIQUE:
                raise UniqueConflict(task.name, answer.holder or "")
            case Refusal.CONFLICT:
                raise IdConflict(task.id)
            case _:
                raise NotSupported(f"an enqueue answered {answer.what}", self.store.name)

    async def get_task(self, task_id: str) -> TaskInfo | None:
        """Give the record of one task, None for an unknown one."""
        await self.open()
        record = (await self.store.get([task_id]))[0]
        return None if record is None else as_task(record)

    async def tasks(self, which: Filter, *, limit: int = 100, after: str | None = None) -> Page:
        """Give a page of tasks, newest first."""
        await self.open()
        found = await self.store.list(where(which, await self.store.server_now()), limit=limit, after=after)
        return Page([as_task(record) for record in found.items], found.next)

    async def stats(self, queues: Sequence[str] | None = None) -> list[QueueStats]:
        """Count tasks by queue and state."""
        await self.open()
        return await self.store.stats(queues)

    async def cancel(self, ids: Sequence[str]) -> list[CancelAnswer]:
        """Cancel tasks; one answer an id."""
        await self.open()
        return await self.store.cancel(ids)

    async def requeue(self, ids: Sequence[str], *, delay: Duration = 0) -> list[RequeueAnswer]:
        """Put tasks that ended badly back to ready; one answer an id."""
        await self.open()
        return await self.store.requeue(ids, delay=span(delay, "delay"))

    async def delete(self, ids: Sequence[str]) -> list[DeleteAnswer]:
        """Remove finished tasks; one answer an id."""
        await self.open()
        return await self.store.delete(ids)

    async def set_paused(self, queues: Sequence[str], on: bool) -> None:
        """Pause or resume queues."""
        await self.open()
        await self.store.set_paused(queues, on)

    async def purge(self, queue: str) -> int:
        """Cancel what waits in a queue and delete what has ended; give how many were deleted."""
        await self.open()
        for state in (State.READY, State.WAITING):
            while ids := await self._ids(queue, state):
                await self.store.cancel(ids)
        deleted, after = 0, None
        while True:
            page = await self.store.list(
                where(Filter(queue=queue), await self.store.server_now()), limit=PURGE_PAGE, after=after
            )
            ended = [record.id for record in page.items if record.state.terminal]
            answers = await self.store.delete(ended) if ended else []
            deleted += sum(answer is DeleteAnswer.DELETED for answer in answers)
            after = page.next
            if after is None:
                return deleted

    async def _ids(self, queue: str, state: State) -> list[str]:
        which = where(Filter(queue=queue, state=(state,)), 0)
        return [record.id for record in (await self.store.list(which, limit=PURGE_PAGE)).items]
