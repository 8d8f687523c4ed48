"""The exit codes, what each says, and which error ends a command with which.

A script that calls `omniq` branches on these numbers, so a code never changes its meaning. 130 and 143 are
what a shell shows for SIGINT and SIGTERM: a worker gives them only when it had to let go of running tasks.
"""

from __future__ import annotations

from enum import IntEnum

from omniq.errors import (
    ConfigError,
    DeclarationError,
    NotSupported,
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
    """What the process answers. `meaning` is printed by `omniq --help` and stands in the docs."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    OK = 0, "done"
    UNEXPECTED = 1, "unexpected error; declined, or not possible; a check found trouble"
    USAGE = 2, "wrong usage or configuration"
    NOT_FOUND = 3, "not found: one of the ids, or all"
    TASK_FAILED = 4, "the task failed"
    TIMEOUT = 5, "not ended within the time given"
    UNREACHABLE = 69, "backend unreachable"
    BUSY = 75, "store full, or all slots of a worker stuck: try again"
    INTERRUPTED = 130, "stopped by SIGINT, tasks let go"
    TERMINATED = 143, "stopped by SIGTERM, tasks let go"


_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (DeclarationError, Exit.USAGE),
    (ConfigError, Exit.USAGE),
    (PluginError, Exit.USAGE),
    (NotSupported, Exit.USAGE),
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
