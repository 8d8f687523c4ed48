"""Handles to a project of their own on the session's server, and servers of one's own."""

import contextlib
import uuid

import pytest
from tests.redis.server import running

from omniq_redis.backend import RedisBackend
from omniq_redis.options import RedisOptions


@pytest.fixture
def project():
    return uuid.uuid4().hex


@pytest.fixture
def make(redis_server, project):
    """Make another handle to this test's project, not yet open."""
    return lambda url=redis_server.url, **options: RedisBackend(RedisOptions(url=url, **options), project).tasks()


@pytest.fixture
async def store(make):
    async with make() as store:
        yield store


@pytest.fixture
def own_server():
    """Start a server with options of its own, lines of redis.conf."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(**options))
