"""The short words of these tests: what the server says of itself, and waiting for it to say so."""

import asyncio

from omniq.models.values import HOUR
from omniq.testing.kit.words import take
from omniq_redis.checks import parse_info


async def info(store, section, name):
    """Read one figure of the server."""
    return parse_info((await store._client.command(b"INFO", section)).decode()).get(name, "")


async def until(condition):
    """Ask again until it is so; the suite's timeout is the fuse."""
    while not await condition():  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)


async def until_standing(store, count):
    """Wait until the server holds so many blocked clients."""

    async def so():
        return await info(store, b"clients", "blocked_clients") == str(count)

    await until(so)


async def standing(store, **options):
    """Begin a claim that stands by on a server where none does, and give it once it is blocked."""
    waiting = asyncio.ensure_future(take(store, wait=HOUR, **options))
    await until_standing(store, 1)
    return waiting
