"""Redis for OmniQ: tasks and results of many hosts on one server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniq_redis.backend import RedisBackend, RedisResultStorage, RedisTaskQueue
    from omniq_redis.options import RedisOptions

__all__ = ("RedisBackend", "RedisOptions", "RedisResultStorage", "RedisTaskQueue")


def __getattr__(name: str) -> Any:
    """Import on first use: finding the plugin must not import the driver."""
    if name == "RedisOptions":
        from omniq_redis.options import RedisOptions

        return RedisOptions
    if name in __all__:
        from omniq_redis import backend

        return getattr(backend, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
