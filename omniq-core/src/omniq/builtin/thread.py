"""The kind `thread`: plain functions in a pool of threads, made for blocking libraries."""

from __future__ import annotations

from omniq.builtin.coroutine import CoroutineExecutor

__all__ = ("ThreadExecutor",)


class ThreadExecutor(CoroutineExecutor):
    """The same two ways as `async`; the kind says what the concurrency is meant for, and sets its default."""
