"""Sends calls and acts on tasks: the producer's side of one store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import msgspec

from omniq.caller import warn_caller
from omniq.client.handles import AsyncHandle
from omniq.client.looking import Filter, as_task, ids_of, where
from omniq.client.options import Defaults, check_options, resolve
from omniq.client.queue_options import QueueOptions, options_of_queues
from omniq.client.results import AsyncResultStorage
from omniq.client.stores import Stores
from omniq.client.tasks import calls_of
from omniq.client.verbs import AsyncVerbs
from omniq.config.configured import Configured, serializer_of
from omniq.config.resolve import Config, Places, places
from omniq.direct import is_direct
from omniq.errors import IdConflict, InvalidOption, NotSupported, StoreUnavailable, UniqueConflict, UnnamedTask
from omniq.models.call import Call
from omniq.models.task import Task as TaskInfo
from omniq.models.values import whole
from omniq.names import UNIMPORTABLE
from omniq.packing import Enqueue, pack
from omniq.serialization.manager import SerializationManager
from omniq.shipped import SHIPPED
from omniq.storage.base import Durability
from omniq.storage.records import (
    EnqueueAnswer,
    NewTask,
    QueueStats,
    Refusal,
)
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("AsyncTaskQueue", "Page")

AMBIGUOUS_FOR = 300.0
"""Seconds for which an enqueue of unknown outcome is repeated: less than a tombstone is kept."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
MAX_PAGE = 10_000


_UNSHIPPED = (
    "move it to the top level of a module, or use a store that only you can write to (memory://, or a private "
    "SQLite file), where functions travel themselves"
)


class Page(msgspec.Struct, frozen=True):
    """Tasks newest first; `next` goes into `after` for the rest, None at the end. It may be short."""

    items: list[TaskInfo]
    next: str | None = None

    def __iter__(self) -> Iterator[TaskInfo]:
        return iter(self.items)


class AsyncTaskQueue(AsyncVerbs, Configured):
    """One project's tasks in one store. Opening is lazy: every verb opens what it needs."""

    def __init__(
        self,
        stores: Stores,
        serializer: SerializationManager,
        *,
        project: str = "default",
        defaults: Defaults | None = None,
        queue_options: QueueOptions | None = None,
    ) -> None:
        self.stores = stores
        self.serializer = serializer
        self.project = project
        self.results = AsyncResultStorage(stores, serializer)
        self._defaults = defaults or Defaults()
        self._queue_options = queue_options

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make one that stands alone, from decided settings."""
        return cls.on(places(config), config)

    @classmethod
    def on(cls, backends: Places, config: Config) -> Self:
        """Make one on backends that others use too."""
        return cls(
            Stores.of(backends),
            serializer_of(backends, config),
            project=config.project,
            defaults=Defaults.of(config),
            queue_options=options_of_queues(config),
        )

    @property
    def store(self) -> BaseTaskQueue:
        """The handle that companions are made from."""
        return self.stores.tasks

    async def open(self) -> None:
        """Open the store now instead of at the first use."""
        await self.stores.here()

    @property
    def is_open(self) -> bool:
        return self.stores.is_open

    async def close(self) -> None:
        """Close the store; the next use opens it again."""
        await self.stores.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def enqueue(self, calls: Iterable[Call[Any]]) -> list[AsyncHandle[Any]]:
        """Write many calls in as few round trips as the store allows; give a handle each, in order.

        Raises:
            Unserializable, PayloadTooLarge, InvalidOption: nothing was written.
            IdConflict, UniqueConflict: that call was refused; the others were written.
        """
        tasks, options = [], []
        last: Call[Any] | None = None
        for call in calls_of(calls):
            if last is None or call.options is not last.options or call.name is not last.name:
                resolved = self._judged(call)  # once for all calls of one task, mostly
            last = call
            options.append(resolved)
            tasks.append(pack(call.name, call.args, call.kwargs, resolved, self.serializer, self.project))
        answers = await self._write(tasks, fresh=all(one.id is None for one in options))
        ids = [task.id for task in tasks]
        for answer in answers:
            ids[answer.index] = self._answered(answer, tasks[answer.index], options[answer.index])
        return [AsyncHandle(self, task_id) for task_id in ids]

    def _judged(self, call: Call[Any]) -> Enqueue:
        check_options(call.options, lambda: self.store.name)
        if call.name in SHIPPED and not self.serializer.accept_dill:
            raise UnnamedTask(_described(call.function), _UNSHIPPED)
        if call.name.startswith(UNIMPORTABLE):
            _warn_of_main(call.name, self.store)
        given = call.options if self._queue_options is None else self._queue_options.under(call.options)
        return resolve(given, self._defaults)

    async def _write(self, tasks: list[NewTask], *, fresh: bool) -> list[EnqueueAnswer]:
        """Enqueue; repeat an outcome that is unknown, which the ids make safe."""
        store = await self._open()  # where this fails nothing was sent, so there is nothing to repeat
        end, pause = time.monotonic() + AMBIGUOUS_FOR, FIRST_PAUSE
        while True:
            try:
                return await store.enqueue(tasks, fresh=fresh)
            except StoreUnavailable:
                if time.monotonic() > end:
                    raise
                fresh = False
                if is_direct():
                    time.sleep(pause)  # noqa: ASYNC251  # the caller's own thread: nothing may suspend here
                else:
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
        record = (await (await self._open()).get(ids_of(task_id)))[0]
        return None if record is None else as_task(record)

    async def tasks(self, which: Filter, *, limit: int = 100, after: str | None = None) -> Page:
        """Give a page of tasks, newest first."""
        whole("limit", limit, 1, MAX_PAGE)
        store = await self._open()
        chosen = where(which, await store.server_now())
        try:
            found = await store.list(chosen, limit=limit, after=None if after is None else str(after))
        except ValueError:  # a place is a store's own word
            text = f"{after!r:.60} is no place in this list; take it from the page before"
            raise InvalidOption("after", text) from None
        return Page([as_task(record) for record in found.items], found.next)

    async def stats(self, queues: Sequence[str] | None = None) -> list[QueueStats]:
        """Count tasks by queue and state."""
        return await (await self._open()).stats(queues)

    async def set_paused(self, queues: Sequence[str], on: bool) -> None:
        """Pause or resume queues."""
        await (await self._open()).set_paused(queues, on)

    async def _open(self) -> BaseTaskQueue:
        return (await self.stores.here()).tasks


_warned = False


def _warn_of_main(name: str, store: BaseTaskQueue) -> None:
    """Warn once that no other process can find a function of a notebook or of `-c`."""
    global _warned
    if _warned or store.capabilities.durability is Durability.PROCESS:
        return
    _warned = True
    warn_caller(
        f"task {name} is defined where no other process can import it, so only workers of this one can run it; "
        "move it to a module",
        RuntimeWarning,
    )


def _described(function: Any) -> str:
    return getattr(function, "__qualname__", None) or f"a {type(function).__name__}"
