"""Makes connections: to the server that was named, or to the node of a cluster that serves the project.

redis-py's connection classes do the greeting, TLS and parsing; retries are left out, since an outcome that is
unknown is the caller's to repeat.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from omniq.errors import StoreRefused, StoreUnavailable
from omniq_redis.faults import translated
from omniq_redis.options import Place, RedisOptions

__all__ = ("Connector",)


class Connector:
    """Knows where the project is; asks a cluster again after `forget`."""

    def __init__(self, options: RedisOptions, prefix: str) -> None:
        self.place: Place = options.place()
        self._options = options
        self._prefix = prefix
        self._node: tuple[str, int] | None = None

    def forget(self) -> None:
        """The project may have moved to another node."""
        self._node = None

    async def connect(self, *, opening: bool = False) -> AbstractConnection:
        """Open and greet.

        Raises:
            StoreUnavailable: nobody answers in time, or no node serves the project.
            StoreRefused: only when `opening`: the user, the password or the database is wrong.
        """
        connection: AbstractConnection | None = None
        try:
            async with asyncio.timeout(self._options.timeout):
                connection = self._make(*(await self._where()))
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException as why:
            if connection is not None:
                await connection.disconnect(nowait=True)
            if not isinstance(why, RedisError | OSError):  # TimeoutError is an OSError
                raise
            if isinstance(why, TimeoutError) and not str(why):
                why = TimeoutError(f"no answer within {self._options.timeout:g} s")
            raise translated(why, str(self.place), opening=opening) from None
        return connection

    async def _where(self) -> tuple[str, int]:
        if not self.place.cluster:
            return self.place.host, self.place.port
        if self._node is None:
            self._node = await self._find()
        return self._node

    async def _find(self) -> tuple[str, int]:
        """Ask the cluster which node serves the slot of the project's keys."""
        place = self.place
        common = self._common()
        common.pop("db")
        cluster = RedisCluster(
            host=place.host, port=place.port, require_full_coverage=False, ssl=place.tls, **common, **self._tls()
        )
        try:
            await cluster.initialize()
            node = cluster.get_node_from_key(self._prefix)
        except RedisClusterException as why:
            text = str(why)
            if "Cluster mode is not enabled" in text:
                raise StoreRefused(f"{place} is no cluster; write redis:// instead of redis+cluster://") from None
            if "not covered" in text:
                raise StoreUnavailable(self._uncovered()) from None
            raise
        finally:
            await cluster.aclose()
        if node is None:
            raise StoreUnavailable(self._uncovered())
        return str(node.host), int(node.port)

    def _uncovered(self) -> str:
        return (
            f"{self.place}: no node serves the slot of the keys {self._prefix}*; "
            "see `redis-cli cluster info`, and give every slot a master"
        )

    def _common(self) -> dict[str, Any]:
        place = self.place
        return {
            "db": place.database,
            "username": place.user or None,
            "password": place.password or None,
            "socket_timeout": None,
            "socket_connect_timeout": self._options.timeout,
            "protocol": 2,
            "client_name": "omniq",
        }

    def _tls(self) -> dict[str, Any]:
        if not self.place.tls:
            return {}
        verify = self._options.verify
        return {
            "ssl_cert_reqs": "required" if verify else "none",
            "ssl_check_hostname": verify,
            "ssl_ca_certs": self._options.ca or None,
        }

    def _make(self, host: str, port: int) -> AbstractConnection:
        common = {**self._common(), "retry": Retry(NoBackoff(), 0)}
        if self.place.socket:
            return UnixDomainSocketConnection(path=self.place.socket, **common)
        common["socket_keepalive"] = True  # a subscription says nothing by itself, and must notice a dead peer
        if self.place.tls:
            return SSLConnection(host=host, port=port, **common, **self._tls())
        return Connection(host=host, port=port, **common)
