"""Hears what ends: one subscription a handle, whatever many wait.

A message is only a hint that spares a question. Who waits registers first and asks then, so an end in between is
not missed; where the subscription breaks, everybody wakes and asks again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from omniq_redis import forks
from omniq_redis.connecting import Connector
from omniq_redis.faults import translated
from omniq_redis.line import pack

__all__ = ("Ear", "Waiter")

PATIENCE = 10.0
"""Seconds that the answer to a subscription may take."""


class Waiter:
    """Somebody who waits for some marks."""

    __slots__ = ("_future", "_woken", "heard", "marks")

    def __init__(self, marks: set[bytes]) -> None:
        self.marks = marks
        self.heard: set[bytes] = set()
        self._woken = False
        self._future: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the wait that goes on, or the next one."""
        self._woken = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Wait for the first word about one of the marks, or for so long."""
        if not self._woken:
            loop = asyncio.get_running_loop()
            self._future = loop.create_future()
            timer = loop.call_later(seconds, self.wake)
            try:
                await self._future
            finally:
                timer.cancel()
                self._future = None
        self._woken = False


class Ear:
    """A subscription to one channel, whose messages are marks of one size in a row."""

    def __init__(self, connector: Connector, channel: str, size: int) -> None:
        self._connector, self._channel, self._size = connector, channel, size
        self._waiters: dict[bytes, set[Waiter]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    def is_closed(self) -> bool:
        """Whether nothing will be heard any more."""
        return self._closed

    def add(self, waiter: Waiter) -> None:
        """Begin to tell this one."""
        for mark in waiter.marks:
            self._waiters.setdefault(mark, set()).add(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Tell this one no more."""
        for mark in waiter.marks:
            if (waiters := self._waiters.get(mark)) is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiters[mark]

    async def listen(self) -> None:
        """Subscribe, unless it is done; what is published from now on is heard.

        Raises:
            StoreUnavailable: the server cannot be reached.
        """
        async with self._lock:
            if self._closed or (self._reader is not None and not self._reader.done()):
                return
            connection = await self._connector.connect()
            try:
                await connection.send_packed_command([pack((b"SUBSCRIBE", self._channel))], check_health=False)
                if await connection.read_response(timeout=PATIENCE) is None:
                    raise RedisTimeoutError(f"no answer within {PATIENCE:g} s")
            except BaseException as why:
                await connection.disconnect(nowait=True)
                if not isinstance(why, RedisError | OSError):
                    raise
                raise translated(why, str(self._connector.place)) from None
            if self.is_closed():  # meanwhile
                await connection.disconnect(nowait=True)
                return
            self._connection = connection
            forks.watch(self)
            self._reader = asyncio.get_running_loop().create_task(self._read(connection), name="omniq-redis-ear")

    async def close(self) -> None:
        """Unsubscribe; who waits wakes up."""
        self._closed = True
        forks.unwatch(self)
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        if self._connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._connection.disconnect(nowait=True)
        self._wake_all()

    def forget(self) -> Any:
        """A fork has happened, and this is the child: give what must stay alive."""
        self._closed = True
        return self._connection, self._reader

    async def _read(self, connection: AbstractConnection) -> None:
        try:
            while True:
                kind, _, marks = await connection.read_response()
                if kind != b"message":
                    continue
                for at in range(0, len(marks), self._size):
                    mark = marks[at : at + self._size]
                    for waiter in self._waiters.get(mark, ()):
                        waiter.heard.add(mark)
                        waiter.wake()
        except (RedisError, OSError):
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)
            self._wake_all()

    def _wake_all(self) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()
