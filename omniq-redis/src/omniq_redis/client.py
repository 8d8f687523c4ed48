"""What a handle talks through: one line for its calls, and connections of their own for claims that stand by.

Nothing is retried here but a script that the server does not know, of which nothing has happened. A line that
broke is replaced at the next call, so an outage is over for a handle as soon as it is over for the server.

Invariant: connections belong to the loop that opened them and to their process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from omniq.errors import ForkedStore, StoreClosed, StoreError, WrongLoop
from omniq_redis import forks
from omniq_redis.connecting import Connector
from omniq_redis.faults import is_elsewhere, is_unknown_script, translated
from omniq_redis.line import Line, pack
from omniq_redis.options import RedisOptions
from omniq_redis.scripts import Script

__all__ = ("Client",)


SHORTEST = 0.002
"""Seconds of the shortest wait: Redis 6.2 takes what it rounds to less than 1 ms for a wait without end."""


class Client:
    """The connections of one handle. `prefix` begins every key of the project."""

    def __init__(self, options: RedisOptions, project: str) -> None:
        self.prefix = f"oq:{{{project}}}:"
        self._key = self.prefix.encode()
        self._timeout = options.timeout
        self.connector = Connector(options, self.prefix)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = 0
        self._forked = False
        self._line: Line | None = None
        self._lock = asyncio.Lock()
        self._spare: list[AbstractConnection] = []
        self._standing: set[AbstractConnection] = set()

    @property
    def is_open(self) -> bool:
        return self._loop is not None

    async def start(self) -> None:
        """Connect; doing it again does nothing.

        Raises:
            StoreUnavailable, StoreRefused: as `Connector.connect`.
        """
        if self._loop is not None or self._forked:
            self.check()
            return
        self._lock = asyncio.Lock()
        connection = await self.connector.connect(opening=True)
        self._line = Line(connection, self._timeout)
        self._loop = asyncio.get_running_loop()
        forks.watch(self)

    async def stop(self) -> None:
        """Disconnect; who still stands by ends empty."""
        if self._loop is None:
            return
        self.check()
        self._loop = None
        self._opening += 1
        forks.unwatch(self)
        line, self._line = self._line, None
        if line is not None:
            await line.close()
        for connection in (*self._spare, *self._standing):
            await _drop(connection)
        self._spare.clear()

    def forget(self) -> Any:
        """A fork has happened, and this is the child."""
        kept = (self._line, self._spare, self._standing, self._loop)
        self._forked = True
        return kept

    def check(self) -> None:
        """Refuse a call that cannot be made here.

        Raises:
            StoreClosed, WrongLoop, ForkedStore: what was wrong, and the way out.
        """
        if self._forked:
            raise ForkedStore(
                f"this handle to {self.connector.place} was opened before the fork; open a companion() in the child"
            )
        if self._loop is None:
            raise StoreClosed(f"{self.connector.place} is not open; await open(), or use `async with`")
        if asyncio.get_running_loop() is not self._loop:
            raise WrongLoop(
                f"this handle to {self.connector.place} belongs to another event loop; open a companion() on this one"
            )

    async def run(self, script: Script, *args: bytes | str | int) -> Any:
        """Run one script over the project's keys and give its reply.

        Raises:
            StoreUnavailable, StoreFull, StoreCorrupt: by what went wrong.
            StoreClosed, WrongLoop, ForkedStore: as `check`.
        """
        return await self._ask(
            pack((b"EVALSHA", script.sha, b"1", self._key, *args)), lambda: self._whole(script, args)
        )

    async def command(self, *args: bytes | str | int) -> Any:
        """Run one plain command; raises as `run`."""
        return await self._ask(pack(args))

    async def stand_by(
        self, keys: Sequence[bytes], seconds: float, script: Script, args: Sequence[bytes | str | int]
    ) -> Any:
        """Wait until one of the markers is there, or for so long, and run the script the moment the wait ends.

        Both are sent at once, so the answer to the wake-up is that of the script.

        Raises as `run`; StoreClosed too where the handle closes meanwhile. When cancelled, the script may still run.
        """
        self.check()
        connection = self._spare.pop() if self._spare else await self._connect()
        self._standing.add(connection)
        wait = pack((b"BZPOPMIN", *keys, b"%.3f" % max(seconds, SHORTEST)))
        try:
            async with asyncio.timeout(seconds + self._timeout):
                await connection.send_packed_command(
                    [wait + pack((b"EVALSHA", script.sha, b"1", self._key, *args))], check_health=False
                )
                await _reply(connection)
                reply = await _reply(connection)
                if is_unknown_script(reply):
                    await connection.send_packed_command([self._whole(script, args)], check_health=False)
                    reply = await _reply(connection)
            if isinstance(reply, Exception):
                raise reply
        except BaseException as why:
            await _drop(connection)
            if not isinstance(why, RedisError | OSError):
                raise
            self.check()
            if is_elsewhere(why):
                self.connector.forget()
            raise self._translated(why) from None
        finally:
            self._standing.discard(connection)
        if self._loop is None:
            await _drop(connection)
        else:
            self._spare.append(connection)
        return reply

    def _whole(self, script: Script, args: Sequence[bytes | str | int]) -> bytes:
        return pack((b"EVAL", script.text, b"1", self._key, *args))

    async def _ask(self, command: bytes, whole: Callable[[], bytes] | None = None) -> Any:
        self.check()
        line = self._line
        if line is None or line.broken is not None:
            line = await self._connected()
        try:
            try:
                return await line.call(command)
            except RedisError as why:
                if whole is None or not is_unknown_script(why):
                    raise
                return await line.call(whole())
        except RedisError as why:
            if is_elsewhere(why):
                await self._leave(line)
            if self._loop is None:
                raise StoreClosed(f"{self.connector.place} was closed during the call") from None
            raise self._translated(why) from None

    async def _connected(self) -> Line:
        async with self._lock:
            line = self._line
            if line is not None and line.broken is None:
                return line
            if line is not None:
                await self._leave(line)
            self._line = Line(await self._connect(), self._timeout)
            return self._line

    async def _connect(self) -> AbstractConnection:
        """Connect for the handle as it is open now: who closes it meanwhile closes this too."""
        opening = self._opening
        connection = await self.connector.connect()
        if self._opening != opening:
            await _drop(connection)
            raise StoreClosed(f"{self.connector.place} was closed during the call")
        return connection

    async def _leave(self, line: Line) -> None:
        """This line is of no use any more, nor is what was opened beside it; the project may be elsewhere now."""
        self.connector.forget()
        if self._line is line:
            self._line = None
        await line.close()
        spare, self._spare = self._spare, []
        for connection in spare:
            await _drop(connection)

    def _translated(self, why: Exception) -> StoreError:
        return translated(why, str(self.connector.place))


async def _reply(connection: AbstractConnection) -> Any:
    """Read one reply; an error of the server is given, not raised, so that the next reply is still read."""
    try:
        return await connection.read_response(disconnect_on_error=False)
    except RedisError as error:
        if isinstance(error, RedisConnectionError | RedisTimeoutError):
            raise
        return error


async def _drop(connection: AbstractConnection) -> None:
    with contextlib.suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)
