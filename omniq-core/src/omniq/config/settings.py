"""The defaults, one constant a setting. `OMNIQ_` before a name makes the environment variable.

Durations are microseconds. None is said in each line where it has a meaning.
"""

from __future__ import annotations

from omniq.models.values import DAY, SECOND, Micros

__all__ = (
    "BACKEND",
    "BASE_DIR",
    "CODECS",
    "COMPONENT_LOG_LEVELS",
    "DEFAULT_WORKER",
    "DISABLE_LOGGING",
    "LOGGING__FORMAT",
    "LOG_FORMATS",
    "LOG_LEVEL",
    "LOG_LEVELS",
    "MAX_WORKERS",
    "PLUGINS__REQUIRED",
    "PROJECT_NAME",
    "RESULT_STORAGE_TYPE",
    "RESULT_STORAGE_URL",
    "RESULT_TTL",
    "RETRY_ATTEMPTS",
    "RETRY_DELAY",
    "SERIALIZATION__ALLOW",
    "TASK_QUEUE_TYPE",
    "TASK_QUEUE_URL",
    "TASK_TIMEOUT",
    "TASK_TTL",
    "THREAD_WORKERS",
    "WORKER__CONCURRENCY",
    "WORKER__LEASE",
    "WORKER__QUEUES",
    "WORKER__SHUTDOWN_GRACE",
)

BASE_DIR: str = ".omniq"
"""The folder of the default SQLite file, relative to the working directory."""
PROJECT_NAME: str = "default"

BACKEND: str | None = None
"""A name or URL for tasks and results; None is a SQLite file in BASE_DIR."""
TASK_QUEUE_TYPE: str | None = None
"""A backend's name for tasks alone; None follows the URL, else BACKEND."""
TASK_QUEUE_URL: str | None = None
RESULT_STORAGE_TYPE: str | None = None
"""A backend's name for results alone; None follows the URL, else results stay with the tasks."""
RESULT_STORAGE_URL: str | None = None

DEFAULT_WORKER: str = "async"
MAX_WORKERS: int = 10
THREAD_WORKERS: int = 10
WORKER__CONCURRENCY: int | None = None
"""Bodies at once, whatever the kind; None takes the kind's own number above."""
WORKER__QUEUES: tuple[str, ...] = ()
"""Served beside `default` and what the registered tasks name."""
WORKER__LEASE: Micros = 15 * SECOND
WORKER__SHUTDOWN_GRACE: Micros = 30 * SECOND

TASK_TIMEOUT: Micros | None = None
"""For one attempt; None is without end."""
TASK_TTL: Micros | None = None
"""From enqueue to the start; None is for ever."""
RETRY_ATTEMPTS: int = 3
"""Executions after the first."""
RETRY_DELAY: Micros = SECOND
RESULT_TTL: Micros = DAY

LOG_LEVELS: tuple[str, ...] = ("DEBUG", "INFO", "WARNING", "ERROR", "DISABLED")
LOG_LEVEL: str = "INFO"
DISABLE_LOGGING: bool = False
COMPONENT_LOG_LEVELS: dict[str, str] = {}
"""By the part of a logger's name behind `omniq.`; written `worker=DEBUG,functions=ERROR`."""
LOG_FORMATS: tuple[str, ...] = ("text", "json")
LOGGING__FORMAT: str = "text"

CODECS: tuple[str, ...] = ("msgspec", "dill")
SERIALIZATION__ALLOW: tuple[str, ...] = ()
"""Codecs that are written and read; none named means msgspec, and dill where the store is private."""
PLUGINS__REQUIRED: tuple[str, ...] = ()
"""Distributions that must be there, with bounds such as `omniq-sqlite>=0.1`."""
