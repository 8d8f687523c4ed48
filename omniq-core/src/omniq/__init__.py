"""OmniQ: a fast, fenced, typed task queue. Names are imported at their first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniq.app import AsyncOmniQ
    from omniq.client.handles import AsyncHandle
    from omniq.client.options import RetryPolicy, Unique
    from omniq.client.tasks import AsyncTask, Task, task
    from omniq.errors import (
        OmniQError,
        ResultExpired,
        ResultTimeout,
        TaskCancelled,
        TaskExpired,
        TaskFailed,
        TaskNotFound,
        TaskSkipped,
    )
    from omniq.execution.context import Context, current
    from omniq.execution.steering import Discard, Retry, Snooze
    from omniq.models.call import Call
    from omniq.models.states import State
    from omniq.sync._generated import Handle, OmniQ, SyncTask

__all__ = (
    "AsyncHandle",
    "AsyncOmniQ",
    "AsyncTask",
    "Call",
    "Context",
    "Discard",
    "Handle",
    "OmniQ",
    "OmniQError",
    "ResultExpired",
    "ResultTimeout",
    "Retry",
    "RetryPolicy",
    "Snooze",
    "State",
    "SyncTask",
    "Task",
    "TaskCancelled",
    "TaskExpired",
    "TaskFailed",
    "TaskNotFound",
    "TaskSkipped",
    "Unique",
    "current",
    "task",
)

_HOMES = {
    "omniq.app": ("AsyncOmniQ",),
    "omniq.client.handles": ("AsyncHandle",),
    "omniq.client.options": ("RetryPolicy", "Unique"),
    "omniq.client.tasks": ("AsyncTask", "Task", "task"),
    "omniq.errors": (
        "OmniQError", "ResultExpired", "ResultTimeout", "TaskCancelled", "TaskExpired", "TaskFailed",
        "TaskNotFound", "TaskSkipped",
    ),
    "omniq.execution.context": ("Context", "current"),
    "omniq.execution.steering": ("Discard", "Retry", "Snooze"),
    "omniq.models.call": ("Call",),
    "omniq.models.states": ("State",),
    "omniq.sync._generated": ("Handle", "OmniQ", "SyncTask"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'omniq' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
