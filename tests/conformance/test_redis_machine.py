"""The Redis store in lock step with the model."""

import uuid

import pytest
from hypothesis import HealthCheck, settings

from omniq.testing.machine import lockstep
from omniq_redis.backend import RedisBackend
from omniq_redis.options import RedisOptions

server = None


@pytest.fixture(autouse=True, scope="module")
def _place(redis_server):
    global server
    server = redis_server


def redis(stack):
    return RedisBackend(RedisOptions(url=server.url), project=uuid.uuid4().hex).tasks()


TestRedis = lockstep(redis).TestCase
TestRedis.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
