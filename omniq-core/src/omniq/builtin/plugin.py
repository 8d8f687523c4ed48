"""What ships with core, announced the way any plugin announces itself: light records, nothing imported."""

from __future__ import annotations

from omniq.plugins.provider import Provider
from omniq.plugins.specs import hookimpl

__all__ = (
    "omniq_event_providers",
    "omniq_queue_providers",
    "omniq_result_providers",
    "omniq_worker_providers",
)

_MEMORY = Provider(
    name="memory",
    factory="omniq.builtin.memory:MemoryBackend",
    options="omniq.builtin.memory:MemoryOptions",
    schemes=("memory",),
    summary="in this process, gone with it",
)


@hookimpl
def omniq_queue_providers() -> list[Provider]:
    return [_MEMORY]


@hookimpl
def omniq_result_providers() -> list[Provider]:
    return [_MEMORY]


@hookimpl
def omniq_event_providers() -> list[Provider]:
    return [_MEMORY]


@hookimpl
def omniq_worker_providers() -> list[Provider]:
    return [
        Provider(
            name="async",
            factory="omniq.builtin.coroutine:CoroutineExecutor",
            summary="coroutines on the worker's loop, plain functions in threads",
        ),
        Provider(
            name="thread",
            factory="omniq.builtin.thread:ThreadExecutor",
            summary="plain functions in a pool of threads",
        ),
    ]
