"""The exit codes, and which error ends a command with which.

A script that calls `omniq` branches on these numbers, so a code never changes its meaning. 130 and 143 are
what a shell shows for SIGINT and SIGTERM: a worker gives them only when it had to let go of running tasks.
"""

from __future__ import annotations

from enum import IntEnum

from omniq.errors import (
    ConfigError,
    DeclarationError,
    PluginError,
    ResultTimeout,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    TaskFailed,
    TaskNotFound,
)

__all__ = ("Exit", "exit_for")


class Exit(IntEnum):
    """What the process answers."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    TASK_FAILED = 4
    TIMEOUT = 5
    UNREACHABLE = 69
    BUSY = 75
    INTERRUPTED = 130
    TERMINATED = 143


_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (DeclarationError, Exit.USAGE),
    (ConfigError, Exit.USAGE),
    (PluginError, Exit.USAGE),
    (StoreRefused, Exit.USAGE),
    (TaskNotFound, Exit.NOT_FOUND),
    (TaskFailed, Exit.TASK_FAILED),
    (ResultTimeout, Exit.TIMEOUT),
    (StoreUnavailable, Exit.UNREACHABLE),
    (StoreFull, Exit.BUSY),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def exit_for(error: BaseException) -> Exit:
    """Give the code that tells this error to a script."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.UNEXPECTED)
