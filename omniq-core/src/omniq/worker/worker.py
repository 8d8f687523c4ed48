"""A worker as a thing to start and stop: one engine a kind, on the caller's loop or on one of its own."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self
from weakref import WeakSet

import msgspec

from omniq.config.configured import Configured, serializer_of
from omniq.config.resolve import Config, places
from omniq.execution.executor import Executor
from omniq.functions import FunctionRegistry
from omniq.models.config import WorkerSettings
from omniq.models.values import Duration
from omniq.plugins.registry import registry
from omniq.serialization.manager import SerializationManager
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.engine import Engine, Lifespan
from omniq.worker.settings import settings_of

__all__ = ("AsyncWorker", "Worker", "WorkerParts")

logger = logging.getLogger("omniq.worker")

LAST_WORDS = 2.0
"""Seconds for giving back claims at the end of the program."""


class WorkerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs, and opens handles of its own to."""

    tasks: BaseTaskQueue
    results: BaseResultStorage | None
    registry: FunctionRegistry
    serializer: SerializationManager
    executor: Callable[[str], Callable[[int], Executor]]
    """Gives the factory of a kind."""
    lifespan: Lifespan | None = None


class AsyncWorker(Configured):
    """Runs tasks on the loop where it is started.

    `settings` holds one entry a kind: each has its own claim, its own queues and its own limit. Leaving the
    context stops claiming, finishes what runs within the grace, and leaves the rest in the store.
    """

    def __init__(self, parts: WorkerParts, settings: Sequence[WorkerSettings]) -> None:
        self.settings = tuple(settings)
        self._parts = parts
        self._engines: list[Engine] = []
        self._running: asyncio.Future[list[int]] | None = None
        self._starting = asyncio.Lock()
        self._stop_asked: Callable[[Engine], None] | None = None
        self._opened: contextlib.AsyncExitStack | None = None
        self._tasks = parts.tasks

    @classmethod
    def from_config(
        cls,
        config: Config,
        *,
        tasks: Iterable[Callable[..., Any] | str] = (),
        kind: str | None = None,
        concurrency: int | None = None,
        queues: Sequence[str] | Mapping[str, str] | None = None,
        lease: Duration | None = None,
        shutdown_grace: Duration | None = None,
        lifespan: Lifespan | None = None,
    ) -> Self:
        """Make one that stands alone, from decided settings.

        Args:
            tasks: what it can run: declared tasks, plain functions, or names of modules where functions may be
                looked up.
            queues: in the order served, or a mapping queue -> kind.
        """
        backends, functions = places(config), FunctionRegistry.of(tasks)
        parts = WorkerParts(
            tasks=backends.tasks.tasks(),
            results=None if backends.results is None else backends.results.results(),
            registry=functions,
            serializer=serializer_of(backends, config),
            executor=registry.worker,
            lifespan=lifespan,
        )
        settings = settings_of(
            config,
            functions,
            kind=kind,
            concurrency=concurrency,
            queues=queues,
            lease=lease,
            shutdown_grace=shutdown_grace,
        )
        return cls(parts, settings)

    @property
    def running(self) -> bool:
        """Whether it was started, or is about to be, and has not ended."""
        return self._starting.locked() or (self._running is not None and not self._running.done())

    async def start(self, *, supervised: bool = False) -> Self:
        """Open the stores and begin; a running worker goes on.

        Args:
            supervised: somebody starts this process anew when it ends, so it ends when all its slots are held by
                threads that do not return.
        """
        async with self._starting:
            if self._running is None:
                self._stop_asked = None
                await self._open(supervised)
                self._running = asyncio.ensure_future(self._run_engines())
                self._tell(self._stop_asked)
        return self

    async def _open(self, supervised: bool) -> None:
        parts = self._parts
        async with contextlib.AsyncExitStack() as stack:  # a start that fails halfway is undone
            self._tasks = await stack.enter_async_context(parts.tasks.companion())
            results, state = None, None
            if parts.results is not None:
                results = await stack.enter_async_context(parts.results.companion())
            if parts.lifespan is not None:
                state = await stack.enter_async_context(parts.lifespan())
            self._engines = [
                Engine(
                    tasks=self._tasks,
                    registry=parts.registry,
                    serializer=parts.serializer,
                    executors={one.kind: parts.executor(one.kind)},
                    settings=one,
                    results=results,
                    lifespan=lambda: contextlib.nullcontext(state),
                    supervised=supervised,
                )
                for one in self.settings
            ]
            await self._start_engines()
            self._opened = stack.pop_all()

    async def _start_engines(self) -> None:
        started: list[Engine] = []
        try:
            for engine in self._engines:
                await engine.start()
                started.append(engine)
        except BaseException:
            for engine in started:
                engine.stop_now()
            await asyncio.gather(*(engine.run() for engine in started), return_exceptions=True)
            raise

    async def _run_engines(self) -> list[int]:
        """Run all kinds as one: where one ends, by an error or because it is stuck, the others drain too."""
        runs = [asyncio.ensure_future(engine.run()) for engine in self._engines]
        try:
            await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await asyncio.wait(runs)
        except asyncio.CancelledError:
            for run in runs:
                run.cancel()
            await asyncio.wait(runs)
            raise
        errors = [run.exception() for run in runs]  # all are asked, or the rest would be reported as never seen
        for error in filter(None, errors):
            logger.error("the worker ends by %s: %s", type(error).__name__, error)
            raise error
        return [run.result() for run in runs]

    def stop(self) -> None:
        """Begin to stop; `wait` returns when it is done."""
        self._tell(Engine.stop)

    def stop_now(self) -> None:
        """Release what runs, without waiting for the grace."""
        self._tell(Engine.stop_now)

    def _tell(self, how: Callable[[Engine], None] | None) -> None:
        if self._running is None:
            self._stop_asked = how  # it is starting: its stores or its lifespan are not there yet
        elif how is not None:
            for engine in self._engines:
                how(engine)

    async def wait(self) -> int:
        """Wait until the worker has stopped, and close its stores; give the exit code."""
        if self._running is None:
            return 0
        try:
            codes = await self._running
        finally:
            self._running = None
            if self._opened is not None:
                await self._opened.aclose()
        return max(codes)

    async def run(self) -> int:
        """Start, work until stopped, give the exit code."""
        await self.start()
        return await self.wait()

    async def idle(self) -> None:
        """Wait until nothing of these queues runs, is due, or is to be tried again; delayed tasks stay."""
        queues = sorted({queue for engine in self._engines for queue in engine.queues})
        while self._running is not None and not self._running.done():
            await asyncio.gather(*(engine.idle(queues) for engine in self._engines))
            if all(engine.quiet for engine in self._engines):
                return  # none took up what another had left behind while the last looked

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        self.stop()
        await self.wait()


class Worker(Configured):
    """An `AsyncWorker` on a loop and a daemon thread of its own, for code that has no loop."""

    def __init__(self, worker: AsyncWorker) -> None:
        self.worker = worker
        self.exit_code = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None

    @classmethod
    def from_config(cls, config: Config, **parts: Any) -> Self:
        """Make one that stands alone; `parts` are as in `AsyncWorker.from_config`."""
        return cls(AsyncWorker.from_config(config, **parts))

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> Self:
        """Begin; returns when the stores are open, and raises what opening raised."""
        if self.alive:
            return self
        _running.add(self)
        started = threading.Event()
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(started,), name="omniq-worker", daemon=True)
        self._thread.start()
        started.wait()
        if self._error is not None:
            raise self._error
        return self

    def stop(self) -> int:
        """Stop, wait for the end, give the exit code."""
        thread = self._thread
        if thread is None:
            return self.exit_code
        self._call(self.worker.stop)
        thread.join()
        self._thread = None
        if self._error is not None:
            raise self._error
        return self.exit_code

    def abandon(self, within: float) -> None:
        """Give back what runs, waiting so many seconds at most: for the end of the program."""
        thread = self._thread
        if thread is not None and self.alive:
            self._call(self.worker.stop_now)
            thread.join(within)

    def idle(self) -> None:
        """Wait until nothing runs, is due, or is to be tried again."""
        if self._loop is not None and self.alive:
            asyncio.run_coroutine_threadsafe(self.worker.idle(), self._loop).result()

    def _call(self, function: Callable[[], Any]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed in between: it has ended by itself
                self._loop.call_soon_threadsafe(function)

    def _run(self, started: threading.Event) -> None:
        async def work() -> int:
            self._loop = asyncio.get_running_loop()
            await self.worker.start()
            started.set()
            return await self.worker.wait()

        try:
            self.exit_code = asyncio.run(work())
        except BaseException as error:
            self._error = error
        finally:
            started.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


_running: WeakSet[Worker] = WeakSet()


@atexit.register
def _give_back() -> None:
    """Release the claims of workers that nobody stopped: their tasks start again at once, at no cost."""
    for worker in list(_running):
        worker.abandon(LAST_WORDS)
