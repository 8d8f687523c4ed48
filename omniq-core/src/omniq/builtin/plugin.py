"""What ships with core, announced as any plugin is."""

from __future__ import annotations

from omniq.plugins.provider import Provider
from omniq.plugins.specs import hookimpl

__all__ = ("ASYNC", "MEMORY", "THREAD")

MEMORY = Provider(
    name="memory",
    schemes=("memory",),
    factory="omniq.builtin.memory:MemoryBackend",
    options="omniq.builtin.memory:MemoryOptions",
    summary="tasks and results in this process, for tests and short scripts",
)
ASYNC = Provider(
    name="async",
    factory="omniq.builtin.coroutine:CoroutineExecutor",
    summary="coroutines on the worker's loop, plain functions in threads",
)
THREAD = Provider(
    name="thread",
    factory="omniq.builtin.thread:ThreadExecutor",
    summary="a pool of threads for blocking code",
)


@hookimpl
def omniq_queue_providers() -> tuple[Provider, ...]:
    return (MEMORY,)


@hookimpl
def omniq_result_providers() -> tuple[Provider, ...]:
    return (MEMORY,)


@hookimpl
def omniq_worker_providers() -> tuple[Provider, ...]:
    return (ASYNC, THREAD)
