"""The worker kind `thread`: plain functions in a pool of threads, coroutines on the worker's loop."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from omniq.builtin.threads import Threads
from omniq.execution.executor import Executor, Job

__all__ = ("ThreadExecutor",)


class ThreadExecutor(Executor):
    """`concurrency` bodies at once, each plain function in a thread of its own."""

    def __init__(self, concurrency: int) -> None:
        super().__init__(concurrency)
        self._threads = Threads(concurrency, "omniq-task")

    async def open(self) -> None:
        self._threads.on_free = self.on_free

    def run(self, job: Job) -> Awaitable[Any]:
        if job.asynchronous:
            body: Awaitable[Any] = job.function(*job.args, **job.kwargs)
            return body  # as it is: a coroutine around it would be made and thrown away for every task
        return self._threads.run(job.function, job.args, job.kwargs)

    def interrupts(self, job: Job) -> bool:
        return job.asynchronous

    @property
    def stuck(self) -> int:
        return self._threads.stuck

    async def close(self) -> None:
        self._threads.close()
