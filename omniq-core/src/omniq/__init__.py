"""OmniQ: a fast, fenced, typed task queue. Names are imported at their first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniq.app import AsyncOmniQ
    from omniq.client.acting import Acted, Purged
    from omniq.client.handles import AsyncHandle
    from omniq.client.options import RetryPolicy, Unique
    from omniq.client.queue import AsyncTaskQueue
    from omniq.client.results import AsyncResultStorage
    from omniq.client.tasks import AsyncTask, Task, task
    from omniq.config.decided import Config
    from omniq.config.logs import LoggingConfig
    from omniq.config.resolve import ConfigProvider
    from omniq.errors import (
        AppClosed,
        BackendBroken,
        BackendConflict,
        BackendIncompatible,
        BackendNotFound,
        BadArguments,
        CodecRefused,
        ConfigConflict,
        ConfigError,
        DeclarationError,
        DuplicateTask,
        EnqueueError,
        ForkedStore,
        IdConflict,
        InvalidName,
        InvalidOption,
        MustNotSuspend,
        NaiveDatetime,
        NoCurrentTask,
        NotSupported,
        OmniQError,
        OutcomeError,
        ParentNotFound,
        PayloadTooLarge,
        PluginError,
        ResultExpired,
        ResultTimeout,
        RoleNotOffered,
        SerializationError,
        StoreClosed,
        StoreCorrupt,
        StoreError,
        StoreFull,
        StoreRefused,
        StoreUnavailable,
        TaskCancelled,
        TaskExpired,
        TaskFailed,
        TaskNotFound,
        TaskSkipped,
        Undecodable,
        UniqueConflict,
        UnnamedTask,
        Unserializable,
        UnsupportedConfig,
        WaitInsideTask,
        WrongLoop,
        WrongThread,
    )
    from omniq.execution.context import Context, current
    from omniq.execution.steering import Discard, Retry, Snooze
    from omniq.models.call import Call
    from omniq.models.states import State
    from omniq.sync._generated import (
        Handle,
        OmniQ,
        ResultStorage,
        SyncTask,
        TaskQueue,
    )
    from omniq.worker.kinds import AsyncThreadWorker, ThreadWorker
    from omniq.worker.worker import AsyncWorker, Worker

__all__ = (
    "Acted",
    "AppClosed",
    "AsyncHandle",
    "AsyncOmniQ",
    "AsyncResultStorage",
    "AsyncTask",
    "AsyncTaskQueue",
    "AsyncThreadWorker",
    "AsyncWorker",
    "BackendBroken",
    "BackendConflict",
    "BackendIncompatible",
    "BackendNotFound",
    "BadArguments",
    "Call",
    "CodecRefused",
    "Config",
    "ConfigConflict",
    "ConfigError",
    "ConfigProvider",
    "Context",
    "DeclarationError",
    "Discard",
    "DuplicateTask",
    "EnqueueError",
    "ForkedStore",
    "Handle",
    "IdConflict",
    "InvalidName",
    "InvalidOption",
    "LoggingConfig",
    "MustNotSuspend",
    "NaiveDatetime",
    "NoCurrentTask",
    "NotSupported",
    "OmniQ",
    "OmniQError",
    "OutcomeError",
    "ParentNotFound",
    "PayloadTooLarge",
    "PluginError",
    "Purged",
    "ResultExpired",
    "ResultStorage",
    "ResultTimeout",
    "Retry",
    "RetryPolicy",
    "RoleNotOffered",
    "SerializationError",
    "Snooze",
    "State",
    "StoreClosed",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreRefused",
    "StoreUnavailable",
    "SyncTask",
    "Task",
    "TaskCancelled",
    "TaskExpired",
    "TaskFailed",
    "TaskNotFound",
    "TaskQueue",
    "TaskSkipped",
    "ThreadWorker",
    "Undecodable",
    "Unique",
    "UniqueConflict",
    "UnnamedTask",
    "Unserializable",
    "UnsupportedConfig",
    "WaitInsideTask",
    "Worker",
    "WrongLoop",
    "WrongThread",
    "current",
    "task",
)

_HOMES = {
    "omniq.app": ("AsyncOmniQ",),
    "omniq.client.acting": ("Acted", "Purged"),
    "omniq.client.handles": ("AsyncHandle",),
    "omniq.client.options": ("RetryPolicy", "Unique"),
    "omniq.client.queue": ("AsyncTaskQueue",),
    "omniq.client.results": ("AsyncResultStorage",),
    "omniq.client.tasks": ("AsyncTask", "Task", "task"),
    "omniq.config.logs": ("LoggingConfig",),
    "omniq.config.decided": ("Config",),
    "omniq.config.resolve": ("ConfigProvider",),
    "omniq.errors": (
        "AppClosed",
        "BackendBroken",
        "BackendConflict",
        "BackendIncompatible",
        "BackendNotFound",
        "BadArguments",
        "CodecRefused",
        "ConfigConflict",
        "ConfigError",
        "DeclarationError",
        "DuplicateTask",
        "EnqueueError",
        "ForkedStore",
        "IdConflict",
        "InvalidName",
        "InvalidOption",
        "MustNotSuspend",
        "NaiveDatetime",
        "NoCurrentTask",
        "NotSupported",
        "OmniQError",
        "OutcomeError",
        "ParentNotFound",
        "PayloadTooLarge",
        "PluginError",
        "ResultExpired",
        "ResultTimeout",
        "RoleNotOffered",
        "SerializationError",
        "StoreClosed",
        "StoreCorrupt",
        "StoreError",
        "StoreFull",
        "StoreRefused",
        "StoreUnavailable",
        "TaskCancelled",
        "TaskExpired",
        "TaskFailed",
        "TaskNotFound",
        "TaskSkipped",
        "Undecodable",
        "UniqueConflict",
        "UnnamedTask",
        "Unserializable",
        "UnsupportedConfig",
        "WaitInsideTask",
        "WrongLoop",
        "WrongThread",
    ),
    "omniq.execution.context": ("Context", "current"),
    "omniq.execution.steering": ("Discard", "Retry", "Snooze"),
    "omniq.models.call": ("Call",),
    "omniq.models.states": ("State",),
    "omniq.sync._generated": ("Handle", "OmniQ", "ResultStorage", "SyncTask", "TaskQueue"),
    "omniq.worker.kinds": ("AsyncThreadWorker", "ThreadWorker"),
    "omniq.worker.worker": ("AsyncWorker", "Worker"),
}
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
