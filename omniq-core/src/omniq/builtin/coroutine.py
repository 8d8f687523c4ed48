"""The worker kind `async`: coroutines on the worker's loop, plain functions beside it in threads.

It does what the kind `thread` does: they differ in what they are meant for, and so in their defaults.
"""

from __future__ import annotations

from omniq.builtin.thread import ThreadExecutor

__all__ = ("CoroutineExecutor",)


class CoroutineExecutor(ThreadExecutor):
    """`concurrency` coroutines at once; a plain function takes one of the same slots, in a thread."""
