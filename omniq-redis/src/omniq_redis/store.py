"""What both stores on a server share: life cycle, clock, the check of the server."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from omniq.errors import StoreCorrupt, StoreError, StoreFull, StoreRefused
from omniq.models.values import SECOND, Micros, check_name
from omniq.storage.base import BaseStore, Finding
from omniq_redis.checks import findings, is_too_old, parse_info, version_of
from omniq_redis.client import Client
from omniq_redis.notify import Ear
from omniq_redis.options import RedisOptions

__all__ = ("RedisStore",)

FORMAT = 1
"""The version of the layout that the scripts know."""
CLOCK_TRUSTED: Micros = 10 * SECOND
"""How long the distance between the server's clock and ours is taken to be what it was. Scripts ask the server."""


class RedisStore(BaseStore):
    """A handle with connections of its own. It belongs to the loop that opened it."""

    name = "redis"
    channel = "done"
    mark_size = 16

    def __init__(self, options: RedisOptions, project: str = "default") -> None:
        self._options = options
        self._project = check_name("project", project)
        self._client = Client(options, project)
        self._ear: Ear | None = None
        self._one: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._ahead: Micros = 0
        self._ask_again: Micros = 0

    async def open(self) -> None:
        async with self._one_at_a_time():
            fresh = not self._client.is_open
            await self._client.start()
            if not fresh:
                return
            try:
                await self._accept()
            except BaseException:
                await self._client.stop()
                raise
            self._ear = Ear(self._client.connector, f"{self._client.prefix}{self.channel}", self.mark_size)

    async def close(self) -> None:
        if not self._client.is_open:
            return
        await self._client.stop()
        if self._ear is not None:
            await self._ear.close()

    def companion(self) -> Self:
        other = type(self)(self._options, self._project)
        other.clock = self.clock
        return other

    async def server_now(self) -> Micros:
        if self.clock is not None:
            self._client.check()
            return self.clock()
        self._client.check()
        asked = time.monotonic_ns() // 1000
        if asked > self._ask_again:
            seconds, micros = await self._client.command(b"TIME")
            answered = time.monotonic_ns() // 1000
            # the server looked at its clock somewhere between the two: its time is never told as later than it is
            self._ahead = int(seconds) * SECOND + int(micros) - answered
            self._ask_again = answered + CLOCK_TRUSTED
            asked = answered
        return self._ahead + asked

    async def check(self) -> list[Finding]:
        """Ask the server for its version, what it does when it is full, and what it keeps on disk."""
        info = parse_info((await self._client.command(b"INFO")).decode())
        config: dict[str, str] = {}
        for name in ("maxmemory-policy", "save", "appendonly", "appendfsync"):
            try:
                pair = await self._client.command(b"CONFIG", b"GET", name)
            except StoreError:
                continue  # managed servers refuse it; what INFO says must do
            if len(pair) == 2:
                config[name] = pair[1].decode()
        return findings(info, config, self.describe())

    def describe(self) -> str:
        return str(self._client.connector.place)

    def _one_at_a_time(self) -> asyncio.Lock:
        """Give the lock of this loop under which a handle is opened: a lock cannot go from one loop to another."""
        loop = asyncio.get_running_loop()
        if self._one is None or self._one[0] is not loop:
            self._one = (loop, asyncio.Lock())
        return self._one[1]

    def _now(self) -> bytes:
        """Give what a script takes as its first argument: the clock of tests, or nothing."""
        return b"" if self.clock is None else b"%d" % self.clock()

    async def _accept(self) -> None:
        """See that this server and what it holds can be used.

        Raises:
            StoreRefused: the server is too old.
            StoreCorrupt: the project was written by a newer version.
        """
        version = version_of(parse_info((await self._client.command(b"INFO", b"server")).decode()))
        if is_too_old(version):
            raise StoreRefused(f"{self.describe()} is Redis {version}, too old; upgrade it to Redis 6.2 or newer")
        key = f"{self._client.prefix}format"
        found = await self._client.command(b"GET", key)
        if found is None:
            try:
                await self._client.command(b"SET", key, FORMAT, b"NX")
            except StoreFull:
                return  # an empty project on a full server: enqueue will say so
        elif not found.isdigit() or int(found) > FORMAT:
            raise StoreCorrupt(
                f"project {self._project} on {self.describe()} has layout {found!r}, this version knows {FORMAT}; "
                "upgrade omniq-redis"
            )
