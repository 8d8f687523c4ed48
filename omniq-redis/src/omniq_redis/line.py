"""One connection, shared by all calls of a handle: what is sent while a reply is on its way goes out behind it.

redis-py connects, greets and parses. Its pool and its clients, which would take a connection and a retry policy a
call, are left out: a call here is one write, and one future that a reader task resolves in order.

Invariant: replies come in the order of their commands. So a call that is given up leaves its place in the row,
and a line on which anything went wrong is thrown away whole. redis-py never writes here: it would connect anew
under a row that waits for the old replies, and it cuts the line when one writer of many is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ("Line", "pack")

TICK = 1.0
"""Seconds between two looks at whether the oldest call has waited too long."""


def pack(parts: Iterable[bytes | str | int]) -> bytes:
    """Give a command as it goes over the wire."""
    return _pack(tuple(parts))


_pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command


class Line:
    """An open connection with its reader task."""

    def __init__(self, connection: AbstractConnection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._loop = asyncio.get_running_loop()
        self._reader = self._loop.create_task(self._read(), name="omniq-redis-reader")
        self._watch = self._loop.call_later(TICK, self._look)
        self.broken: Exception | None = None

    async def call(self, command: bytes) -> Any:
        """Send one command and give its reply; an error of the server is raised.

        Raises:
            RedisError: the server's error, or the connection's.
        """
        if self.broken is not None:
            raise RedisConnectionError(str(self.broken))
        writer = self._connection._writer
        if writer is None:
            self._fail(RedisConnectionError("the connection is gone"))
            raise RedisConnectionError(str(self.broken))
        future = self._loop.create_future()
        self._waiting.append((future, self._loop.time() + self._timeout))
        # Nothing here suspends, so the row and the wire have one order and no cancellation comes between them. There
        # is no drain to wait for: the bytes are kept already, and the reply ends the same wait.
        writer.write(command)
        return await future

    async def close(self) -> None:
        """End the connection; who still waits gets an error."""
        self._fail(RedisConnectionError("the connection was closed"))
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        with contextlib.suppress(RedisError, OSError):
            await self._connection.disconnect()

    async def _read(self) -> None:
        read, waiting = self._connection.read_response, self._waiting
        try:
            while True:
                try:
                    reply = await read(disconnect_on_error=False)
                except RedisError as error:
                    if isinstance(error, RedisConnectionError | RedisTimeoutError):
                        raise
                    reply = error
                future, _ = waiting.popleft()
                if future.done():
                    continue  # its caller was cancelled
                if isinstance(reply, Exception):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except asyncio.CancelledError:
            self._fail(RedisConnectionError("the connection was closed"))
            raise
        except Exception as why:  # whatever it was, replies and commands may not belong together any more
            self._fail(why)

    def _look(self) -> None:
        if self.broken is not None:
            return
        self._watch = self._loop.call_later(TICK, self._look)
        if self._waiting and self._waiting[0][1] < self._loop.time():
            self._fail(RedisTimeoutError(f"no answer within {self._timeout:g} s"))

    def _fail(self, why: Exception) -> None:
        if self.broken is not None:
            return
        self.broken = why
        self._watch.cancel()
        self._reader.cancel()
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(RedisConnectionError(str(why)))
                future.exception()  # seen: nobody may be left to ask
