"""A server as one object with two roles."""

from __future__ import annotations

from omniq.models.values import check_name
from omniq_redis.options import RedisOptions
from omniq_redis.results import RedisResultStorage
from omniq_redis.tasks.queue import RedisTaskQueue

__all__ = ("RedisBackend", "RedisResultStorage", "RedisTaskQueue")


class RedisBackend:
    """Tasks and results of one project on one server; each role is a handle with its own connections."""

    def __init__(self, options: RedisOptions, project: str = "default") -> None:
        self.options = options
        self.project = check_name("project", project)

    def tasks(self) -> RedisTaskQueue:
        """Make a task queue, not yet open."""
        return RedisTaskQueue(self.options, self.project)

    def results(self) -> RedisResultStorage:
        """Make a result store, not yet open."""
        return RedisResultStorage(self.options, self.project)
