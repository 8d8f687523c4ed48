"""A worker on the memory store, on a loop whose time jumps to the next timer instead of passing."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import msgspec
import pytest

from omniq.builtin.coroutine import CoroutineExecutor
from omniq.builtin.memory import MemoryTaskQueue
from omniq.builtin.thread import ThreadExecutor
from omniq.errors import StoreUnavailable
from omniq.models.config import WorkerSettings
from omniq.models.policy import TaskPolicy, dump_policy
from omniq.models.values import SECOND, new_id
from omniq.storage.records import NewTask, TaskRecord
from omniq.worker.engine import Engine
from omniq.worker.leases import Leases

OPERATIONS = ("enqueue", "claim", "abandon", "extend", "settle", "reclaim", "sweep", "stats")


class JumpingSelector(selectors.DefaultSelector):
    """Where nothing happens until a timer, the time of that timer comes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(0)
        if not events:
            self.jumped += timeout
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop that starts at time 1000 and never waits for a timer; other threads stay in real time."""

    def __init__(self) -> None:
        self.selector = JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return 1000.0 + self.selector.jumped


class Ledger:
    """What was asked of a store through any handle, and what is broken in it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.down: set[str] = set()
        self.after: dict[str, Callable[[], None]] = {}

    def count(self) -> Counter[str]:
        return Counter(name for name, _ in self.calls)


class WatchedQueue(MemoryTaskQueue):
    """The memory store with its calls counted; an operation that is down does nothing and says so."""

    def __init__(self, place: Any = None, ledger: Ledger | None = None) -> None:
        super().__init__(place)
        self.ledger = Ledger() if ledger is None else ledger

    def _twin(self) -> WatchedQueue:
        return type(self)(self._place, self.ledger)


def _watch(name: str) -> None:
    inner = getattr(MemoryTaskQueue, name)

    async def operation(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        self.ledger.calls.append((name, args[0] if args else None))
        if name in self.ledger.down:
            await asyncio.sleep(0)
            raise StoreUnavailable(f"{name} is down")
        answer = await inner(self, *args, **kwargs)
        if name in self.ledger.after:
            self.ledger.after[name]()
        return answer

    setattr(WatchedQueue, name, operation)


for _name in OPERATIONS:
    _watch(_name)


class Function:
    """Just enough of a registered function."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function
        self.asynchronous = asyncio.iscoroutinefunction(function)

    def bind(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(args), kwargs


class Registry:
    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}

    def find(self, name: str) -> Function | None:
        return self.functions.get(name)


class Serializer:
    def load_arguments(self, blob: bytes) -> tuple[list[Any], dict[str, Any]]:
        args, kwargs = msgspec.msgpack.decode(blob)
        return args, kwargs

    def dump_result(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)


class LoopLeases(Leases):
    """Renews as beside a store that needs a loop, but on the worker's own loop, so that virtual time moves it."""

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self.renewing = self._loop.create_task(self._renew_until_stopped())
        self.renewing.add_done_callback(lambda _: self._post_end())


class Rig:
    """One store, one engine, and the few verbs that the tests need."""

    def __init__(self, **settings: Any) -> None:
        self.tasks = WatchedQueue()
        self.ledger = self.tasks.ledger
        self.registry = Registry()
        self.serializer = Serializer()
        self.settings = settings
        self.options: dict[str, Any] = {}
        self.seen: list[tuple[str, str]] = []

    def virtual(self) -> None:
        loop = asyncio.get_running_loop()
        self.tasks.clock = lambda: round(loop.time() * SECOND)

    def make(self, **settings: Any) -> Engine:
        return Engine(
            tasks=self.tasks,
            registry=self.registry,  # type: ignore[arg-type]
            serializer=self.serializer,  # type: ignore[arg-type]
            executors={"async": CoroutineExecutor, "thread": ThreadExecutor},
            settings=WorkerSettings(**{"name": "w", **self.settings, **settings}),
            **self.options,
        )

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        self.registry.functions[name] = Function(name, function)
        return function

    def new(self, name: str, *args: Any, policy: TaskPolicy | None = None, **fields: Any) -> NewTask:
        payload = msgspec.msgpack.encode((args, {}))
        blob = dump_policy(policy or TaskPolicy())
        return NewTask(id=new_id(), name=name, payload=payload, policy=blob, **fields)

    async def send(self, name: str, *args: Any, **fields: Any) -> str:
        await self.tasks.open()
        task = self.new(name, *args, **fields)
        await self.tasks.enqueue([task])
        return task.id

    async def look(self, task_id: str) -> TaskRecord:
        (record,) = await self.tasks.get([task_id], result=True)
        assert record is not None
        return record

    async def fill_buffer(
        self, engine: Engine, names: Sequence[str], **fields: Any
    ) -> tuple[asyncio.Task[int], list[str]]:
        """Start an engine of one slot and teach it that tasks are short; then give it the first of these to run.

        Gives the run, and the ids of all; the others wait for the slot.
        """

        async def short() -> None:
            pass

        self.task(short)
        await self.tasks.open()
        await self.tasks.enqueue([self.new("short") for _ in range(20)])
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await engine.idle()
        tasks = [self.new(name, **fields) for name in names]
        await self.tasks.enqueue(tasks)
        while not engine._slots.waiting:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)
        return running, [task.id for task in tasks]

    async def work_until_idle(self, engine: Engine | None = None) -> Engine:
        engine = engine or self.make()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await engine.idle()
        engine.stop()
        await running
        return engine


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def renewals_in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines renew by the jumping loop's clock, at exact thirds of a lease."""
    monkeypatch.setattr("omniq.worker.engine.Leases", LoopLeases)
    monkeypatch.setattr("omniq.worker.leases.jittered", lambda seconds: seconds)


@pytest.fixture
def simulate(rig: Rig) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Run a coroutine function on a jumping loop, with the store's clock on the loop's."""

    def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def wrapped() -> Any:
            rig.virtual()
            return await main()

        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(wrapped())

    return run
