"""Every error that OmniQ raises, in one tree.

    OmniQError
    ├── DeclarationError
    │   ├── DuplicateTask
    │   ├── UnnamedTask
    │   ├── InvalidName
    │   ├── InvalidOption
    │   └── NaiveDatetime
    ├── ConfigError
    │   ├── ConfigConflict
    │   └── UnsupportedConfig
    ├── PluginError
    │   ├── BackendNotFound
    │   ├── BackendConflict
    │   ├── BackendBroken
    │   ├── BackendIncompatible
    │   └── RoleNotOffered
    ├── SerializationError
    │   ├── Unserializable
    │   ├── Undecodable
    │   ├── BadArguments
    │   └── CodecRefused
    ├── EnqueueError
    │   ├── IdConflict
    │   ├── UniqueConflict
    │   ├── ParentNotFound
    │   ├── PayloadTooLarge
    │   └── NotSupported
    ├── StoreError
    │   ├── StoreUnavailable
    │   ├── StoreFull
    │   ├── StoreClosed
    │   ├── StoreCorrupt
    │   ├── StoreRefused
    │   ├── WrongLoop
    │   └── ForkedStore
    ├── OutcomeError
    │   ├── TaskFailed
    │   ├── TaskCancelled
    │   ├── TaskExpired
    │   ├── TaskSkipped
    │   ├── TaskNotFound
    │   ├── ResultExpired
    │   ├── ResultTimeout
    │   └── WaitInsideTask
    ├── NoCurrentTask
    ├── AppClosed
    ├── WrongThread
    └── MustNotSuspend

A class holds its facts as fields, and its text says what, which, and what to do. The fields are the
exception's args, so every error survives pickling and copying. What steers an attempt from inside a body
(`Retry`, `Snooze`, `Discard`) is no error and lives in `omniq.execution.steering`.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = (
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
)


class OmniQError(Exception):
    """The root: `except OmniQError` catches whatever OmniQ itself raises."""


class DeclarationError(OmniQError):
    """A task, an option or a name cannot be used as it was written."""


class DuplicateTask(DeclarationError):
    """Two functions share one task name, so a worker could not know which to run."""

    def __init__(self, name: str, first: str, second: str) -> None:
        super().__init__(name, first, second)
        self.name, self.first, self.second = name, first, second

    def __str__(self) -> str:
        return (
            f"task {self.name!r} is defined twice, at {self.first} and at {self.second}; "
            "give one of them another name with @oq.task(name=...)"
        )


class UnnamedTask(DeclarationError):
    """A nested function, a lambda or a bound method has no name that a worker could look up."""

    def __init__(self, what: str, advice: str = "move it to the top level of a module") -> None:
        super().__init__(what, advice)
        self.what, self.advice = what, advice

    def __str__(self) -> str:
        return f"{self.what} has no importable name, so no worker could find it; {self.advice}"


class InvalidName(DeclarationError):
    """A name breaks the one grammar that is safe in SQL, subjects, paths and hash tags."""

    def __init__(self, kind: str, name: str, allowed: str) -> None:
        super().__init__(kind, name, allowed)
        self.kind, self.name, self.allowed = kind, name, allowed

    def __str__(self) -> str:
        return f"{self.kind} name {self.name!r} is not allowed; use {self.allowed}"


class InvalidOption(DeclarationError):
    """An option is unknown or its value makes no sense."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(option, why)
        self.option, self.why = option, why

    def __str__(self) -> str:
        return f"option {self.option!r}: {self.why}"


class NaiveDatetime(DeclarationError):
    """A time without a zone names no instant."""

    def __init__(self, option: str, value: str) -> None:
        super().__init__(option, value)
        self.option, self.value = option, value

    def __str__(self) -> str:
        return (
            f"{self.option}={self.value} has no time zone; "
            "pass an aware datetime, for example datetime.now(UTC) + timedelta(hours=1)"
        )


class ConfigError(OmniQError):
    """A setting is unknown, malformed or missing."""


class ConfigConflict(ConfigError):
    """Two settings contradict each other."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first, second)
        self.first, self.second = first, second

    def __str__(self) -> str:
        return f"{self.first}, but {self.second}; remove one of the two"


class UnsupportedConfig(ConfigError):
    """A configuration is present that this version cannot read; ignoring it would surprise."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what, instead)
        self.what, self.instead = what, instead

    def __str__(self) -> str:
        return f"{self.what} cannot be read by this version; {self.instead}"


class PluginError(OmniQError):
    """A backend or a worker kind cannot be used."""


class BackendNotFound(PluginError):
    """No installed plugin offers this name; the text lists those that are there and how to install one."""

    def __init__(self, role: str, name: str, hints: Sequence[str] = ()) -> None:
        super().__init__(role, name, tuple(hints))
        self.role, self.name, self.hints = role, name, tuple(hints)

    def __str__(self) -> str:
        return "\n  ".join((f"no {self.role} {self.name!r}", *self.hints))


class BackendConflict(PluginError):
    """Two distributions offer the same name."""

    def __init__(self, role: str, name: str, offered: Sequence[str]) -> None:
        super().__init__(role, name, tuple(offered))
        self.role, self.name, self.offered = role, name, tuple(offered)

    def __str__(self) -> str:
        ways = " or ".join(f"'{one.split()[0]}:{self.name}'" for one in self.offered)
        return f"{self.role} {self.name!r} comes from {' and '.join(self.offered)}; write {ways}"


class BackendBroken(PluginError):
    """The chosen plugin is installed and cannot be loaded."""

    def __init__(self, role: str, name: str, source: str, why: str) -> None:
        super().__init__(role, name, source, why)
        self.role, self.name, self.source, self.why = role, name, source, why

    def __str__(self) -> str:
        return f"{self.role} {self.name!r} from {self.source} cannot be loaded: {self.why}"


class BackendIncompatible(PluginError):
    """The chosen plugin was written for another version of the contract."""

    def __init__(self, role: str, name: str, source: str, wants: str, ours: str) -> None:
        super().__init__(role, name, source, wants, ours)
        self.role, self.name, self.source, self.wants, self.ours = role, name, source, wants, ours

    def __str__(self) -> str:
        return (
            f"{self.role} {self.name!r} from {self.source} needs contract {self.wants}, "
            f"this omniq-core offers {self.ours}; install matching versions of both"
        )


class RoleNotOffered(PluginError):
    """The plugin exists, but not for this role."""

    def __init__(self, role: str, name: str, offered: Sequence[str]) -> None:
        super().__init__(role, name, tuple(offered))
        self.role, self.name, self.offered = role, name, tuple(offered)

    def __str__(self) -> str:
        return f"{self.name!r} offers no {self.role}; it offers {', '.join(self.offered)}"


class SerializationError(OmniQError):
    """A value cannot be turned into bytes, or bytes not into a value."""


class Unserializable(SerializationError):
    """A value is of a type that does not travel."""

    def __init__(self, where: str, type_name: str, advice: str) -> None:
        super().__init__(where, type_name, advice)
        self.where, self.type_name, self.advice = where, type_name, advice

    def __str__(self) -> str:
        return f"{self.where} is of type {self.type_name}, which cannot be serialized; {self.advice}"


class Undecodable(SerializationError):
    """Stored bytes are not what any codec here wrote."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"stored data cannot be decoded: {self.why}"


class BadArguments(SerializationError):
    """Decoded arguments do not fit the annotations of the task function."""

    def __init__(self, task: str, why: str) -> None:
        super().__init__(task, why)
        self.task, self.why = task, why

    def __str__(self) -> str:
        return f"arguments of {self.task} do not fit its signature: {self.why}"


class CodecRefused(SerializationError):
    """The reader does not accept this codec."""

    def __init__(self, codec: str, why: str) -> None:
        super().__init__(codec, why)
        self.codec, self.why = codec, why

    def __str__(self) -> str:
        return f"codec {self.codec!r} is refused: {self.why}"


class EnqueueError(OmniQError):
    """A task was not accepted; nothing of it was written."""


class IdConflict(EnqueueError):
    """Another task with other content has this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id

    def __str__(self) -> str:
        return f"task id {self.task_id} exists with other content; leave out id= or use another one"


class UniqueConflict(EnqueueError):
    """The unique key is held by a live task."""

    def __init__(self, task: str, holder: str) -> None:
        super().__init__(task, holder)
        self.task, self.holder = task, holder

    def __str__(self) -> str:
        return f"the unique key of {self.task} is held by task {self.holder}; wait for it or cancel it"


class ParentNotFound(EnqueueError):
    """A parent is not in the store."""

    def __init__(self, parent: str) -> None:
        super().__init__(parent)
        self.parent = parent

    def __str__(self) -> str:
        return f"parent {self.parent} is not known here; enqueue it first, in the same project and store"


class PayloadTooLarge(EnqueueError):
    """Arguments, headers or a batch exceed a limit."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(what, size, limit)
        self.what, self.size, self.limit = what, size, limit

    def __str__(self) -> str:
        return (
            f"{self.what} are {_size(self.size)}, the limit is {_size(self.limit)}; "
            "pass a path or a URL instead of the data"
        )


class NotSupported(EnqueueError):
    """The chosen store does not offer what was asked for."""

    def __init__(self, what: str, store: str) -> None:
        super().__init__(what, store)
        self.what, self.store = what, store

    def __str__(self) -> str:
        return f"{self.what} is not supported by the {self.store} store of this version"


class StoreError(OmniQError):
    """A store could not do what it was asked for."""


class StoreUnavailable(StoreError):
    """Outcome unknown: repeat the same call, it is safe."""


class StoreFull(StoreError):
    """The engine has no room; this unit was not written."""


class StoreClosed(StoreError):
    """The store is not open."""


class StoreCorrupt(StoreError):
    """What is stored is damaged, or is not OmniQ's, or is of a newer version."""


class StoreRefused(StoreError):
    """This place cannot hold a queue: read-only, on a network file system, without permission."""


class WrongLoop(StoreError):
    """A store belongs to the event loop that opened it."""


class ForkedStore(StoreError):
    """A store handle never crosses a fork."""


class OutcomeError(OmniQError):
    """A task has no value to give."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id


class TaskFailed(OutcomeError):
    """The task ended as failed; the remote traceback is in the text."""

    def __init__(self, task_id: str, reason: str, error_type: str = "", message: str = "", traceback: str = "") -> None:
        super().__init__(task_id)
        self.args = (task_id, reason, error_type, message, traceback)
        self.reason, self.error_type = reason, error_type
        self.message, self.traceback = message, traceback

    def __str__(self) -> str:
        what = f"{self.error_type}: {self.message}" if self.error_type else self.message
        head = f"task {self.task_id} failed ({self.reason})" + (f": {what}" if what else "")
        return f"{head}\n\n{self.traceback.rstrip()}" if self.traceback else head


class TaskCancelled(OutcomeError):
    """The task was cancelled."""

    def __str__(self) -> str:
        return f"task {self.task_id} was cancelled"


class TaskExpired(OutcomeError):
    """The task did not start within its ttl."""

    def __str__(self) -> str:
        return f"task {self.task_id} expired before it could start"


class TaskSkipped(OutcomeError):
    """A parent ended badly, so the task never ran."""

    def __str__(self) -> str:
        return f"task {self.task_id} was skipped: a parent did not succeed"


class TaskNotFound(OutcomeError):
    """The store has no such task: never enqueued here, or purged."""

    def __str__(self) -> str:
        return f"task {self.task_id} is not known here; it was never enqueued in this project, or was purged"


class ResultExpired(OutcomeError):
    """The task succeeded, and its value is gone: past its result_ttl, or never kept where that is 0."""

    def __init__(self, task_id: str, kept: bool = True) -> None:
        super().__init__(task_id)
        self.args = (task_id, kept)
        self.kept = kept

    def __str__(self) -> str:
        if not self.kept:
            return (
                f"task {self.task_id} succeeded, and asked with result_ttl=0 to keep no value; "
                "raise result_ttl to get one, or ask for its state()"
            )
        return f"the result of task {self.task_id} is past its result_ttl; raise result_ttl to keep it longer"


class ResultTimeout(OutcomeError, TimeoutError):
    """The wait ended before the task did; the task goes on."""

    def __init__(self, task_id: str, waited: str = "") -> None:
        super().__init__(task_id)
        self.args = (task_id, waited)
        self.waited = waited

    def __str__(self) -> str:
        after = f" after {self.waited}" if self.waited else ""
        return f"task {self.task_id} has not ended{after}; `omniq tasks show {self.task_id}` tells its state"


class WaitInsideTask(OutcomeError):
    """Waiting for a task inside a task can fill every slot with waiters."""

    def __str__(self) -> str:
        return (
            f"waiting for task {self.task_id} inside a task can deadlock the worker; "
            "enqueue a follow-up instead, or pass allow_wait=True"
        )


class NoCurrentTask(OmniQError):
    """`omniq.current()` was called outside a task body."""

    def __str__(self) -> str:
        return "omniq.current() works inside a running task only"


class AppClosed(OmniQError):
    """The program is ending; nothing can be opened any more."""


class WrongThread(OmniQError):
    """A blocking call on the face's own loop thread would wait for itself."""


class MustNotSuspend(OmniQError):
    """A direct store suspended under the direct mark: a bug in the store."""


def _size(count: int) -> str:
    if count >= 1 << 20:
        return f"{count / (1 << 20):.1f} MiB"
    if count >= 1 << 10:
        return f"{count / (1 << 10):.0f} KiB" if count % 1024 == 0 else f"{count / (1 << 10):.1f} KiB"
    return f"{count} bytes"
