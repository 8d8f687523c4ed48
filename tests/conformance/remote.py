"""A memory store behind a socket: the least that has a server, so that the cases of the network have something to ask.

A frame is four bytes of length and a pickle; the test trusts itself. One connection a call, so that a broken one
harms nobody else. The planted ones break one promise each.
"""

from __future__ import annotations

import asyncio
import pickle
from contextlib import asynccontextmanager

import msgspec
from planted import AbandonsNothing, CountsRepeats

from omniq.builtin.memory import MemoryBackend
from omniq.errors import StoreUnavailable
from omniq.plugins.provider import Provider
from omniq.plugins.registry import registry
from omniq.storage.base import Feature
from omniq.testing import FaultyStore

__all__ = ("PLANTED", "register", "serving")

WRAPPED = {"remote": lambda store: store, "counts-repeats": CountsRepeats, "abandons-nothing": AbandonsNothing}


class Options(msgspec.Struct, frozen=True):
    host: str
    port: int
    path: str = ""


class Remote(FaultyStore):
    """The client's side."""

    def __init__(self, options, project):
        super().__init__(MemoryBackend().tasks())
        self.options, self.project = options, project

    @property
    def capabilities(self):
        found = self.inner.capabilities
        return msgspec.structs.replace(found, features=found.features & ~Feature.DIRECT)

    def companion(self):
        return type(self)(self.options, self.project)

    async def open(self):
        """Nothing to open: each call connects."""

    async def close(self):
        """Nothing to close."""

    async def _pass(self, operation, args, kwargs):
        try:
            reader, writer = await asyncio.open_connection(self.options.host, self.options.port)
            try:
                await send(writer, (self.project, operation, args, kwargs))
                return await receive(reader)
            finally:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError) as why:
            raise StoreUnavailable(f"{operation}: {why}") from why


class SendsOneByOne(Remote):
    """Makes a call of a batch into many."""

    async def enqueue(self, tasks, *, fresh=False):
        return [answer for task in tasks for answer in await self._pass("enqueue", ([task],), {})]


class NeverComesBack(Remote):
    """Takes one broken connection for the end of the server."""

    broken = False

    async def _pass(self, operation, args, kwargs):
        if self.broken:
            raise StoreUnavailable("the server is gone")
        try:
            return await super()._pass(operation, args, kwargs)
        except StoreUnavailable:
            self.broken = True
            raise


class Backend:
    client = Remote

    def __init__(self, options, project):
        self.options, self.project = options, project

    def tasks(self):
        return self.client(self.options, self.project)


class OneByOneBackend(Backend):
    client = SendsOneByOne


class NeverBackBackend(Backend):
    client = NeverComesBack


def register():
    """Make the schemes selectable."""
    for scheme, backend in (("remote", Backend), ("one-by-one", OneByOneBackend), ("never-back", NeverBackBackend)):
        registry.register(
            Provider(
                name=scheme,
                factory=f"{__name__}:{backend.__name__}",
                options=f"{__name__}:Options",
                schemes=(scheme,),
            )
        )


PLANTED = {
    ("one-by-one", "remote"): {"test_a_batch_whose_connection_is_reset_anywhere_is_written_whole_or_not_at_all"},
    ("never-back", "remote"): {
        "test_a_key_that_was_taken_over_a_broken_line_is_held_once",
        "test_a_batch_whose_connection_is_reset_anywhere_is_written_whole_or_not_at_all",
    },
    ("remote", "counts-repeats"): {
        "test_an_ending_whose_connection_is_reset_is_written_once_with_its_result",
    },
    ("remote", "abandons-nothing"): {"test_a_claim_whose_reply_is_reset_strands_no_task"},
}
"""By scheme of the client and kind of the server: the cases that catch it."""


@asynccontextmanager
async def serving(kind="remote"):
    """Serve one place; give its port."""
    stores, calls = {}, set()

    async def answer(reader, writer):
        calls.add(asyncio.current_task())
        try:
            project, operation, args, kwargs = await receive(reader)
            if project not in stores:
                stores[project] = WRAPPED[kind](MemoryBackend(project=project).tasks())
                await stores[project].open()
            await send(writer, await getattr(stores[project], operation)(*args, **kwargs))
        except (OSError, asyncio.IncompleteReadError):
            pass  # broken on purpose
        finally:
            calls.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for store in stores.values():
            await store.close()
        await asyncio.gather(*calls, return_exceptions=True)
        await server.wait_closed()


async def send(writer, what):
    data = pickle.dumps(what)
    writer.write(len(data).to_bytes(4, "big") + data)
    await writer.drain()


async def receive(reader):
    size = int.from_bytes(await reader.readexactly(4), "big")
    return pickle.loads(await reader.readexactly(size))
