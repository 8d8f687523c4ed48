"""Workers with their kind fixed, whatever the settings say."""

from __future__ import annotations

from typing import Any, Self

from omniq.config.resolve import Config
from omniq.worker.worker import AsyncWorker, Worker

__all__ = ("AsyncThreadWorker", "ThreadWorker")


class AsyncThreadWorker(AsyncWorker):
    """Runs plain functions in a pool of threads, coroutines on the loop where it is started."""

    @classmethod
    def from_config(cls, config: Config, **parts: Any) -> Self:
        """Make one that stands alone; `parts` are as in `AsyncWorker.from_config`."""
        return super().from_config(config, **{**parts, "kind": "thread"})


class ThreadWorker(Worker):
    """The same on a loop and a daemon thread of its own, for code that has no loop."""

    @classmethod
    def from_config(cls, config: Config, **parts: Any) -> Self:
        """Make one that stands alone; `parts` are as in `AsyncWorker.from_config`."""
        return cls(AsyncThreadWorker.from_config(config, **parts))
