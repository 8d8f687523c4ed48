"""The defaults of every setting. The same names with `OMNIQ_` in front are the environment variables."""

from __future__ import annotations

__all__ = (
    "BACKEND",
    "BASE_DIR",
    "DEFAULT_WORKER",
    "LOG_LEVEL",
    "MAX_WORKERS",
    "PROJECT_NAME",
    "RESULT_STORAGE_TYPE",
    "RESULT_STORAGE_URL",
    "RESULT_TTL",
    "RETRY_ATTEMPTS",
    "RETRY_DELAY",
    "TASK_QUEUE_TYPE",
    "TASK_QUEUE_URL",
    "TASK_TIMEOUT",
    "TASK_TTL",
    "THREAD_WORKERS",
    "WORKER__CONCURRENCY",
    "WORKER__LEASE",
    "WORKER__SHUTDOWN_GRACE",
)

BASE_DIR = ".omniq"
PROJECT_NAME = "default"
LOG_LEVEL = "INFO"
BACKEND = ""
TASK_QUEUE_TYPE = ""
TASK_QUEUE_URL = ""
RESULT_STORAGE_TYPE = ""
RESULT_STORAGE_URL = ""
DEFAULT_WORKER = "async"
MAX_WORKERS = 10
THREAD_WORKERS = 10
TASK_TIMEOUT = ""
TASK_TTL = ""
RETRY_ATTEMPTS = 3
RETRY_DELAY = "1s"
RESULT_TTL = "1d"
WORKER__CONCURRENCY = 0
"""0: by the kind, MAX_WORKERS or THREAD_WORKERS."""
WORKER__LEASE = "15s"
WORKER__SHUTDOWN_GRACE = "30s"
"""A second signal does not wait for it."""
