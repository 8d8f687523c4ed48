"""`AsyncOmniQ`: opens stores and joins client and worker. Composition only; every verb forwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from omniq.client.handles import AsyncHandle, Completed, handles_of
from omniq.client.looking import Filter, ids_of
from omniq.client.once import once
from omniq.client.options import DeclareOptions, judged
from omniq.client.queue import AsyncTaskQueue, Page
from omniq.client.tasks import AsyncDecorator, AsyncSender, AsyncTask, Coro, Task, calls_of
from omniq.client.verbs import AsyncVerbs
from omniq.config.configured import Configured
from omniq.config.resolve import Config, Places, places, resolve
from omniq.functions import FunctionRegistry, task_name
from omniq.models.call import Call
from omniq.models.result import TaskResult
from omniq.models.states import State
from omniq.models.task import Task as TaskInfo
from omniq.models.values import Duration, check_name
from omniq.plugins.registry import registry
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import QueueStats
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.settings import settings_of
from omniq.worker.worker import AsyncWorker, WorkerParts

if TYPE_CHECKING:
    from typing import ParamSpec, Unpack

    from omniq.sync._generated import OmniQ

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ("AsyncOmniQ",)

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    S = DefaultTypeVar("S", default=Any)
else:  # 3.11 has no defaults of type variables; at run time none is needed
    S = TypeVar("S")


class AsyncOmniQ(AsyncSender, AsyncVerbs, Configured, Generic[S]):
    """An app: its tasks, its stores, its workers. Constructing touches nothing; the first use opens.

    Args:
        url: where everything lives: a URL, a plugin's name or a backend object. Without one, the `OMNIQ_*`
            variables decide, then `omniq.yaml`, else it is one SQLite file in BASE_DIR.
        task_queue, result_storage: the same for one role.
        lifespan: an async context manager, run once per worker; its value is `current().state`.
        allow: modules, and all below them, whose functions a worker may import by name. Modules of declared tasks
            are allowed as they are; undecorated functions that another process sends need it.
    """

    def __init__(
        self,
        url: object = None,
        *,
        task_queue: object = None,
        result_storage: object = None,
        project: str | None = None,
        lifespan: Callable[[], AbstractAsyncContextManager[S]] | None = None,
        allow: str | Iterable[str] = (),
    ) -> None:
        super().__init__(self, {})
        self._where = (url, task_queue, result_storage, project)
        self.lifespan = lifespan
        self._worker: AsyncWorker | None = None
        self._entered = 0
        self.registry = FunctionRegistry()
        for prefix in (allow,) if isinstance(allow, str) else allow:
            self.registry.allow(prefix)

    @classmethod
    def from_config(
        cls, config: Config, *, lifespan: Callable[[], AbstractAsyncContextManager[S]] | None = None
    ) -> Self:
        """Make one from decided settings."""
        app = cls(lifespan=lifespan)
        app.__dict__["config"] = config
        return app

    @once
    def config(self) -> Config:
        """Every setting, from the arguments, the `OMNIQ_*` variables, `omniq.yaml` and the defaults; read at first
        use."""
        url, task_queue, result_storage, project = self._where
        return resolve(backend=url, task_queue=task_queue, result_storage=result_storage, project=project)

    @once
    def places(self) -> Places:
        """The backends of the roles, not yet open."""
        return places(self.config)

    @once
    def queue(self) -> AsyncTaskQueue:
        """The producer's side, on handles of its own."""
        return AsyncTaskQueue.on(self.places, self.config)

    @property
    def serializer(self) -> SerializationManager:
        """The codecs that this app accepts."""
        return self.queue.serializer

    @once
    def sync(self) -> OmniQ[S]:
        """The sync face of this app: same registry, same stores, same tasks."""
        from omniq.sync import face_of

        return face_of(self)

    def describe(self) -> str:
        """Name the place of the tasks for a person: resolved path or masked URL."""
        return self.queue.store.describe()

    async def open(self) -> None:
        """Open the stores now instead of at the first use."""
        await self.queue.open()

    async def close(self) -> None:
        """Stop a started worker and close the stores; the app may be used again."""
        try:
            await self.stop_worker()
        finally:
            if self.is_open:
                await self.queue.close()

    @property
    def is_open(self) -> bool:
        """Whether the stores are open."""
        return "queue" in self.__dict__ and self.queue.is_open

    async def __aenter__(self) -> Self:
        await self.open()
        self._entered += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._entered -= 1
        if self._entered == 0:
            await self.close()

    @overload
    def task(self, fn: Callable[P, Coro[R]], /) -> AsyncTask[P, Coro[R], R]: ...
    @overload
    def task(self, fn: Callable[P, R], /) -> AsyncTask[P, R, R]: ...
    @overload
    def task(self, **options: Unpack[DeclareOptions]) -> AsyncDecorator: ...
    def task(self, fn: Any = None, **options: Any) -> Any:
        """Declare a task of this app.

        Raises:
            DuplicateTask, UnnamedTask, InvalidOption: it cannot be declared so.
        """
        given = judged(options, lambda: self.queue.store.name, declaring=True)

        named = given.pop("name", None)

        def decorate(function: Callable[..., Any]) -> AsyncTask[..., Any, Any]:
            name = named or task_name(function)
            self._declare(name, function, given)
            return AsyncTask(function, name, given, self)

        return decorate if fn is None else decorate(fn)

    async def enqueue_many(self, calls: Iterable[Call[R]]) -> list[AsyncHandle[R]]:
        """Send many calls in as few round trips as the store allows; each call makes a task of its own."""
        listed = calls_of(calls)
        last = ""
        for call in listed:
            if call.name is not last:
                last = call.name
                self.adopt(last, call.function)
        return await self.queue.enqueue(listed)

    def adopt(self, name: str, function: Callable[..., Any]) -> None:
        """Make a function, or a task that was declared elsewhere, known to workers here, if its name is new."""
        if name not in self.registry:
            if isinstance(function, Task):
                self._declare(name, function.function, function.declared)
            else:
                self.registry.add(name, function, vouch=False)

    def _declare(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        queue = options.get("queue")
        if queue is not None:
            check_name("queue", queue)
        self.registry.add(name, function)
        if queue is not None:
            self.registry.queues.add(queue)

    def handle(self, task_id: str) -> AsyncHandle[Any]:
        """Give a handle for an id."""
        return AsyncHandle(self.queue, ids_of(task_id)[0])

    async def gather(
        self, handles: Iterable[AsyncHandle[R]], *, timeout: Duration | None = None, allow_wait: bool = False
    ) -> list[R]:
        """Wait for all and give their values in order; raises what the first without one raises.

        Raises:
            ResultTimeout: not all have ended yet.
            WaitInsideTask: called in a task, where waiters could fill every slot; `allow_wait=True` insists.
        """
        ids = [one.id for one in handles_of(handles)]
        return await self.queue.results.values(ids, timeout, allow_wait=allow_wait)

    def as_completed(
        self, handles: Iterable[AsyncHandle[R]], *, timeout: Duration | None = None, allow_wait: bool = False
    ) -> AsyncIterator[AsyncHandle[R]]:
        """Give each handle as its task ends, so that its `result` answers at once.

        Raises:
            ResultTimeout: from the iteration, when the time is up first.
            WaitInsideTask: as from `gather`.
        """
        return Completed(self.queue, handles, timeout, allow_wait)

    async def get_task(self, task_id: str) -> TaskInfo | None:
        """Give the record of one task, None for an unknown one."""
        return await self.queue.get_task(task_id)

    async def get_result(self, task_id: str) -> TaskResult[Any] | None:
        """Give how a task ended; None while it has not, or when it is unknown."""
        return await self.queue.results.get(task_id)

    async def tasks(
        self,
        *,
        state: State | str | Iterable[State | str] | None = None,
        queue: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        since: datetime | Duration | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Give a page of tasks, newest first; `since` is a time, or a duration back from now."""
        which = Filter(state=state, queue=queue, name=name, tag=tag, since=since)
        return await self.queue.tasks(which, limit=limit, after=after)

    async def stats(self, queues: Sequence[str] | None = None) -> list[QueueStats]:
        """Count tasks by queue and state."""
        return await self.queue.stats(queues)

    async def pause_queue(self, *queues: str) -> None:
        """Stop giving tasks of these queues to workers; what runs goes on."""
        await self.queue.set_paused([check_name("queue", one) for one in queues], True)

    async def resume_queue(self, *queues: str) -> None:
        """Give tasks of these queues again."""
        await self.queue.set_paused([check_name("queue", one) for one in queues], False)

    def worker(
        self,
        *,
        kind: str | None = None,
        concurrency: int | None = None,
        queues: Sequence[str] | Mapping[str, str] | None = None,
        lease: Duration | None = None,
        shutdown_grace: Duration | None = None,
    ) -> AsyncWorker:
        """Make a worker: `async with` runs it here.

        Args:
            queues: one, or several in the order served, or a mapping queue -> kind. Default: the configured ones,
                `default`, and those that the app's tasks name.
            concurrency: bodies at once, a kind; 1 or more.
            lease: how long a claim lives unrenewed; 100 ms or more.
        """
        settings = settings_of(
            self.config,
            self.registry,
            kind=kind,
            concurrency=concurrency,
            queues=queues,
            lease=lease,
            shutdown_grace=shutdown_grace,
        )
        return AsyncWorker(self._parts(), settings)

    async def start_worker(
        self,
        *,
        kind: str | None = None,
        concurrency: int | None = None,
        queues: Sequence[str] | Mapping[str, str] | None = None,
        lease: Duration | None = None,
        shutdown_grace: Duration | None = None,
    ) -> AsyncWorker:
        """Start a worker that runs until `stop_worker` or the close; give the running one if there is."""
        if self._worker is None or not self._worker.running:
            worker = self.worker(
                kind=kind, concurrency=concurrency, queues=queues, lease=lease, shutdown_grace=shutdown_grace
            )
            self._worker = worker
            await worker.start()
        return self._worker

    async def stop_worker(self) -> None:
        """Stop the started worker, finishing what runs."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            await worker.wait()

    async def run_until_idle(self, queues: Sequence[str] | None = None) -> None:
        """Work here until nothing is due, running or to be tried again; delayed tasks stay."""
        async with self.worker(queues=queues) as worker:
            await worker.idle()

    def _parts(self) -> WorkerParts:
        return WorkerParts(
            tasks=self.queue.store,
            results=self.queue.stores.results,
            registry=self.registry,
            serializer=self.serializer,
            executor=registry.worker,
            lifespan=self.lifespan,
        )

    async def _open(self) -> BaseTaskQueue:
        return (await self.queue.stores.here()).tasks
