"""Announces Redis for tasks and results. Light: importing it imports no driver."""

from __future__ import annotations

from collections.abc import Iterable

from omniq.plugins.provider import Provider
from omniq.plugins.specs import hookimpl

__all__ = ("omniq_queue_providers", "omniq_result_providers")

_REDIS = Provider(
    name="redis",
    factory="omniq_redis.backend:RedisBackend",
    options="omniq_redis.options:RedisOptions",
    schemes=("redis", "rediss", "redis+cluster", "rediss+cluster", "redis+unix"),
    summary="a Redis server of 6.2 or newer, or a cluster",
)


@hookimpl
def omniq_queue_providers() -> Iterable[Provider]:
    """Announce the server as a place for tasks."""
    return (_REDIS,)


@hookimpl
def omniq_result_providers() -> Iterable[Provider]:
    """Announce the server as a place for results."""
    return (_REDIS,)
