"""`Config`: every setting, decided, with its origin. What a component is made from.

Invariant: no text of it, and no row of `settings()`, shows a password.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from omniq.config.logs import LoggingConfig
from omniq.models.url import mask
from omniq.models.values import Micros, span_text

__all__ = ("FIELDS", "Config", "Setting")


class Setting(NamedTuple):
    """One decided value, as it may be shown, and where it comes from."""

    name: str
    value: Any
    origin: str


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, decided. Durations are microseconds.

    `tasks` and `results` are what `registry.backend` takes: a URL, a name or an object. `results` is None
    where results stay with the tasks. `queue_options` holds what a document says about the tasks of a queue.
    `codecs` is empty where the store decides. `origins` says for each setting where its value comes from.
    """

    project: str
    base_dir: str
    tasks: Any
    results: Any
    worker: str
    max_workers: int
    thread_workers: int
    concurrency: int | None
    queues: tuple[str, ...]
    queue_options: dict[str, dict[str, Any]]
    lease: Micros
    shutdown_grace: Micros
    timeout: Micros | None
    ttl: Micros | None
    retries: int
    retry_delay: Micros
    result_ttl: Micros
    codecs: tuple[str, ...]
    required: tuple[str, ...]
    logging: LoggingConfig
    origins: dict[str, str]

    def concurrency_of(self, kind: str) -> int:
        """Say how many bodies a worker of this kind runs at once unless told otherwise."""
        if self.concurrency is not None:
            return self.concurrency
        return self.thread_workers if kind == "thread" else self.max_workers

    def settings(self) -> list[Setting]:
        """List every setting with its origin, for a person; secrets are masked, durations in text."""
        decided = {
            **{key: getattr(self, field) for field, key in FIELDS.items()},
            "TASKS": self.tasks,
            "RESULTS": self.results,
            "WORKER__QUEUES": self.queues,
            "LOG_LEVEL": self.logging.level,
            "LOGGING__FORMAT": self.logging.format,
            "COMPONENT_LOG_LEVELS": self.logging.components,
            "DISABLE_LOGGING": self.logging.disabled,
            **{f"QUEUES.{queue}": options for queue, options in self.queue_options.items()},
        }
        return [
            Setting(name, _readable(name, value), self.origins.get(name, "default")) for name, value in decided.items()
        ]

    def __repr__(self) -> str:
        shown = (f"{name}={_shown(getattr(self, name))}" for name in self.__struct_fields__ if name != "origins")
        return f"Config({', '.join(shown)})"


FIELDS = {
    "project": "PROJECT_NAME",
    "base_dir": "BASE_DIR",
    "worker": "DEFAULT_WORKER",
    "max_workers": "MAX_WORKERS",
    "thread_workers": "THREAD_WORKERS",
    "concurrency": "WORKER__CONCURRENCY",
    "lease": "WORKER__LEASE",
    "shutdown_grace": "WORKER__SHUTDOWN_GRACE",
    "timeout": "TASK_TIMEOUT",
    "ttl": "TASK_TTL",
    "retries": "RETRY_ATTEMPTS",
    "retry_delay": "RETRY_DELAY",
    "result_ttl": "RESULT_TTL",
    "codecs": "SERIALIZATION__ALLOW",
    "required": "PLUGINS__REQUIRED",
}
"""The fields of `Config` that are one setting each."""
_DURATIONS = frozenset(
    {"WORKER__LEASE", "WORKER__SHUTDOWN_GRACE", "TASK_TIMEOUT", "TASK_TTL", "RETRY_DELAY", "RESULT_TTL"}
)


def _readable(name: str, value: Any) -> Any:
    if name in _DURATIONS and value:
        return span_text(value)
    if value is None or isinstance(value, bool | int | tuple | dict):
        return value
    return mask(value) if isinstance(value, str) else type(value).__name__


def _shown(value: object) -> str:
    return repr(mask(value)) if isinstance(value, str) else repr(value)
