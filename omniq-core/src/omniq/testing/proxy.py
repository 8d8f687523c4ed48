"""A TCP proxy in the process, so that a test can break the network between a client and its server.

    async with TcpProxy("127.0.0.1", server_port) as proxy:
        client = connect("127.0.0.1", proxy.port)
        with proxy.replies_dropped():
            ...                                # the server applies it, the client never hears of it

What is broken is a block: it holds for every connection from its first line to its last, and `cut()` ends all
connections at once. Nothing here knows a protocol; bytes are passed on as they come.

Invariant: bytes of one direction are passed on in order, or not at all.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import msgspec

__all__ = ("Flow", "TcpProxy")

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing sends a reset, not an end."""


class Flow(StrEnum):
    """One direction."""

    REQUESTS = "to the server"
    REPLIES = "to the client"


class _Toxic(msgspec.Struct):
    """What is done to one direction. `reset_at` counts the bytes that still pass."""

    dropped: bool = False
    held: bool = False
    latency: float = 0.0
    reset_at: int | None = None


class TcpProxy:
    """Stands on a free port of 127.0.0.1 in front of one server, on the loop that opened it."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = "127.0.0.1", 0
        self.connections = 0
        """How many were ever accepted."""
        self._target = (host, port)
        self._toxics = {flow: _Toxic() for flow in Flow}
        self._passed = dict.fromkeys(Flow, 0)
        self._moved = asyncio.Event()
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._released = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; `port` is known from here on."""
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        self.cut()
        self._released.set()
        running = [task for task in self._open.values() if task is not None]
        await asyncio.gather(*running, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def through(self, url: str) -> str:
        """Give this URL with host and port of the proxy; everything else stays."""
        parts = urlsplit(url)
        who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return urlunsplit(parts._replace(netloc=f"{who}{self.host}:{self.port}"))

    @classmethod
    def before(cls, url: str) -> Self:
        """Make the proxy that stands before the server of this URL, which has a port."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError("a proxy needs the host and the port of the server that it stands before")
        return cls(parts.hostname, parts.port)

    def passed(self, flow: Flow) -> int:
        """Bytes of this direction that arrived here, passed on or dropped."""
        return self._passed[flow]

    async def arrived(self, flow: Flow, count: int) -> None:
        """Wait until so many bytes of this direction have arrived here since the start."""
        while self._passed[flow] < count:
            self._moved.clear()
            await self._moved.wait()

    def cut(self) -> None:
        """Reset every connection now, as a server that was killed does."""
        for writer in list(self._open):
            _reset(writer)

    @contextmanager
    def replies_dropped(self) -> Iterator[None]:
        """Let requests through, and lose every reply: what was asked for happens, and nobody is told.

        At the end of the block the connections it met are cut: half a conversation is of no use to anyone.
        """
        with self._set(Flow.REPLIES, dropped=True):
            yield

    @contextmanager
    def requests_dropped(self) -> Iterator[None]:
        """Lose every request: nothing happens, and nobody is told. The block ends as `replies_dropped` does."""
        with self._set(Flow.REQUESTS, dropped=True):
            yield

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Hold back both directions while connections stay up.

        At the end of the block what was held goes through, late, even if the client has gone meanwhile: the
        request that arrives after its caller gave up. `cut()` inside the block loses it instead.
        """
        self._released.clear()
        for toxic in self._toxics.values():
            toxic.held = True
        try:
            yield
        finally:
            for toxic in self._toxics.values():
                toxic.held = False
            self._released.set()

    @contextmanager
    def latency(self, seconds: float, flow: Flow | None = None) -> Iterator[None]:
        """Delay each piece that passes, in one direction or both."""
        flows = tuple(Flow) if flow is None else (flow,)
        for one in flows:
            self._toxics[one].latency = seconds
        try:
            yield
        finally:
            for one in flows:
                self._toxics[one].latency = 0.0

    @contextmanager
    def reset_at(self, count: int, flow: Flow = Flow.REPLIES) -> Iterator[None]:
        """Pass `count` more bytes of this direction, then reset the connection that carried the last one.

        It happens once. 0 resets on the first byte, so a whole request was applied and no reply came.
        """
        toxic = self._toxics[flow]
        toxic.reset_at = count
        try:
            yield
        finally:
            toxic.reset_at = None

    @contextmanager
    def _set(self, flow: Flow, *, dropped: bool) -> Iterator[None]:
        self._toxics[flow].dropped = dropped
        try:
            yield
        finally:
            self._toxics[flow].dropped = False
            self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open[writer] = asyncio.current_task()
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(*self._target)
            self._open[upstream] = None
            there = asyncio.ensure_future(self._pass(Flow.REQUESTS, reader, upstream))
            back = asyncio.ensure_future(self._pass(Flow.REPLIES, answers, writer))
            # An end of either side ends both: a half-closed conversation is not one that a store has.
            _, pending = await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            for one in pending:
                one.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        except OSError:
            pass  # the server is not there: the client's connection is closed, as without a proxy
        finally:
            for side in (writer, upstream):
                if side is not None:
                    self._open.pop(side, None)
                    side.close()

    async def _pass(self, flow: Flow, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        toxic = self._toxics[flow]
        with suppress(ConnectionError):
            while piece := await reader.read(_CHUNK):
                self._passed[flow] += len(piece)
                self._moved.set()
                while toxic.held:
                    await self._released.wait()
                if toxic.latency:
                    await asyncio.sleep(toxic.latency)
                if toxic.dropped:
                    continue
                if toxic.reset_at is not None:
                    allowed, piece = toxic.reset_at, piece[: toxic.reset_at]
                    if allowed <= len(piece):
                        toxic.reset_at = None
                        writer.write(piece)
                        await writer.drain()
                        _reset(writer)
                        return
                    toxic.reset_at -= len(piece)
                writer.write(piece)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):  # closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
