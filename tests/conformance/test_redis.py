"""The Redis stores answer the kit."""

import uuid

import pytest
from tests.redis.server import running

from omniq.testing import CrashConformance, NetworkConformance, QueueConformance, ResultConformance
from omniq_redis.backend import RedisBackend
from omniq_redis.options import RedisOptions


@pytest.fixture
def backend(redis_server):
    options, mark = RedisOptions(url=redis_server.url), uuid.uuid4().hex[:8]
    return lambda project: RedisBackend(options, project=f"{project}-{mark}")


class TestRedisTasks(QueueConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).tasks()


class TestRedisResults(ResultConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).results()


@pytest.fixture
def url():
    """A server of its own: these cases name their project themselves."""
    with running() as server:
        yield server.url


class TestRedisProcesses(CrashConformance):
    @pytest.fixture
    def url(self, url):
        return url


class TestRedisNetwork(NetworkConformance):
    @pytest.fixture
    def url(self, url):
        return url
