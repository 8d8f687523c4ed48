"""The kind `async`: coroutines on the worker's loop, plain functions in threads beside it."""

from __future__ import annotations

from typing import Any

from omniq.builtin.threads import ThreadPool
from omniq.execution.executor import Executor, Job

__all__ = ("CoroutineExecutor",)


class CoroutineExecutor(Executor):
    """Runs `async def` where it is awaited."""

    def __init__(self, concurrency: int) -> None:
        super().__init__(concurrency)
        self._threads = ThreadPool(concurrency)

    @property
    def stuck(self) -> int:
        return self._threads.stuck

    async def run(self, job: Job) -> Any:
        if job.asynchronous:
            return await job.function(*job.args, **job.kwargs)
        return await self._threads.call(job.function, job.args, job.kwargs)

    async def close(self) -> None:
        self._threads.close()
