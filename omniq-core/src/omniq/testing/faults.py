"""A store between the caller and another store, where replies get lost, calls come twice, late or never.

Every fault is armed by name for the next call of one operation, so a test says exactly which call it hits.
The wrapper is a store itself, one class a role: an engine, an app or the kit takes it for one.
"""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Any, NamedTuple, Self, cast

from omniq.errors import StoreUnavailable
from omniq.models.values import Micros
from omniq.storage.base import BaseStore, Capabilities, Clock, Finding
from omniq.storage.events import BaseEventStorage
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("Called", "FaultyEventStorage", "FaultyResultStorage", "FaultyStore")


class Called(NamedTuple):
    """One recorded call."""

    operation: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Fault(Enum):
    DROP_REPLY = auto()
    REFUSE = auto()
    TWICE = auto()


class Gate(Enum):
    REQUEST = auto()
    REPLY = auto()


class Faults:
    """What is armed and what was called, shared by a wrapper and its companions."""

    def __init__(self) -> None:
        self.calls: list[Called] = []
        self.armed: dict[str, list[Fault]] = defaultdict(list)
        self.gates: dict[tuple[str, Gate], tuple[asyncio.Event, asyncio.Event]] = {}

    async def wait(self, operation: str, gate: Gate) -> None:
        """Stand at a gate of this operation until its block ends."""
        if events := self.gates.get((operation, gate)):
            entered, released = events
            entered.set()
            await released.wait()


def _through(operation: str) -> Callable[..., Any]:
    """Make the method that passes one operation on, through what is armed for it."""

    async def call(self: _Faulty, *args: Any, **kwargs: Any) -> Any:
        return await self._pass(operation, args, kwargs)

    call.__name__ = operation
    return call


class _Faulty(BaseStore):
    """What the wrappers of all roles do.

    `drop_reply`: the write happens, then StoreUnavailable. `refuse`: StoreUnavailable, nothing happens.
    `twice`: the call is made two times, and the second answer is given. `hold`: the answer waits until the
    block ends. `delay`: the request does. Companions share all of it.
    """

    name = "faulty"

    def __init__(self, inner: Any, faults: Faults | None = None) -> None:
        self.inner = inner
        self._faults = Faults() if faults is None else faults

    def drop_reply(self, operation: str) -> None:
        """Let the next call take effect and lose its answer."""
        self._faults.armed[operation].append(Fault.DROP_REPLY)

    def refuse(self, operation: str) -> None:
        """Let the next call fail without any effect."""
        self._faults.armed[operation].append(Fault.REFUSE)

    def twice(self, operation: str) -> None:
        """Let the next call arrive two times, as after a repeat that was not needed."""
        self._faults.armed[operation].append(Fault.TWICE)

    async def repeated(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """Make one call as a caller in bad weather does; give its last answer.

        The request is lost, then the reply, then the call arrives two times: with equal arguments throughout, so
        whatever may be repeated must stand as after one call.
        """
        for fault in (Fault.REFUSE, Fault.DROP_REPLY):
            self._faults.armed[operation].append(fault)
            with suppress(StoreUnavailable):
                await self._pass(operation, args, kwargs)
        self.twice(operation)
        return await self._pass(operation, args, kwargs)

    @contextmanager
    def hold(self, operation: str) -> Iterator[asyncio.Event]:
        """Hold back the answers of this operation until the block ends; gives the event of the first one."""
        with self._gate(operation, Gate.REPLY) as entered:
            yield entered

    @contextmanager
    def delay(self, operation: str) -> Iterator[asyncio.Event]:
        """Hold back the requests of this operation until the block ends; gives the event of the first one."""
        with self._gate(operation, Gate.REQUEST) as entered:
            yield entered

    @contextmanager
    def _gate(self, operation: str, gate: Gate) -> Iterator[asyncio.Event]:
        entered, released = asyncio.Event(), asyncio.Event()
        self._faults.gates[operation, gate] = (entered, released)
        try:
            yield entered
        finally:
            del self._faults.gates[operation, gate]
            released.set()

    def calls(self, operation: str | None = None) -> list[Called]:
        """Give the recorded calls in order, of one operation or of all."""
        return [one for one in self._faults.calls if operation is None or one.operation == operation]

    async def _pass(self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        faults = self._faults
        # A copy of the lists: a caller may go on filling the batch that it sent.
        faults.calls.append(Called(operation, tuple(copy.copy(one) for one in args), dict(kwargs)))
        armed = faults.armed[operation]
        fault = armed.pop(0) if armed else None
        if fault is Fault.REFUSE:
            raise StoreUnavailable(f"{operation} was refused on purpose; repeat it")
        method = getattr(self.inner, operation)
        await faults.wait(operation, Gate.REQUEST)
        answer = await method(*args, **kwargs)
        if fault is Fault.TWICE:
            answer = await method(*args, **kwargs)
        await faults.wait(operation, Gate.REPLY)
        if fault is Fault.DROP_REPLY:
            raise StoreUnavailable(f"the reply of {operation} was dropped on purpose; repeat it")
        return answer

    @property
    def clock(self) -> Clock | None:
        return cast("Clock | None", self.inner.clock)

    @clock.setter
    def clock(self, value: Clock | None) -> None:
        self.inner.clock = value

    @property
    def capabilities(self) -> Capabilities:
        return cast("Capabilities", self.inner.capabilities)

    def companion(self) -> Self:
        return type(self)(self.inner.companion(), self._faults)

    def describe(self) -> str:
        return cast("str", self.inner.describe())

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def server_now(self) -> Micros:
        return cast("Micros", await self.inner.server_now())

    async def check(self) -> list[Finding]:
        return cast("list[Finding]", await self.inner.check())


class FaultyStore(_Faulty, BaseTaskQueue):
    """A task store with faults."""

    enqueue = _through("enqueue")
    claim = _through("claim")
    abandon = _through("abandon")
    extend = _through("extend")
    settle = _through("settle")
    reclaim = _through("reclaim")
    cancel = _through("cancel")
    requeue = _through("requeue")
    delete = _through("delete")
    get = _through("get")
    list = _through("list")
    stats = _through("stats")
    wait_finished = _through("wait_finished")
    set_paused = _through("set_paused")
    sweep = _through("sweep")
    kv_get = _through("kv_get")
    kv_put = _through("kv_put")
    kv_delete = _through("kv_delete")
    kv_list = _through("kv_list")
    kv_due = _through("kv_due")


class FaultyResultStorage(_Faulty, BaseResultStorage):
    """A result store with faults."""

    put = _through("put")
    get = _through("get")
    delete = _through("delete")
    purge = _through("purge")
    wait = _through("wait")


class FaultyEventStorage(_Faulty, BaseEventStorage):
    """An event store with faults."""

    append = _through("append")
    read = _through("read")
    purge = _through("purge")
