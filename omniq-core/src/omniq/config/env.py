"""Settings from the environment, checked: a misspelt variable is an error, not a silence."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from omniq.config import settings
from omniq.errors import ConfigError, UnsupportedConfig

__all__ = ("Environment", "read_environment")

PREFIX = "OMNIQ_"
ELSEWHERE = frozenset({"OMNIQ_PLUGINS"})
"""Read by the part that they are for."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, from the environment or its default; durations still as text."""

    base_dir: str = settings.BASE_DIR
    project_name: str = settings.PROJECT_NAME
    log_level: str = settings.LOG_LEVEL
    backend: str = settings.BACKEND
    task_queue_type: str = settings.TASK_QUEUE_TYPE
    task_queue_url: str = settings.TASK_QUEUE_URL
    result_storage_type: str = settings.RESULT_STORAGE_TYPE
    result_storage_url: str = settings.RESULT_STORAGE_URL
    default_worker: str = settings.DEFAULT_WORKER
    max_workers: int = settings.MAX_WORKERS
    thread_workers: int = settings.THREAD_WORKERS
    task_timeout: str = settings.TASK_TIMEOUT
    task_ttl: str = settings.TASK_TTL
    retry_attempts: int = settings.RETRY_ATTEMPTS
    retry_delay: str = settings.RETRY_DELAY
    result_ttl: str = settings.RESULT_TTL
    worker__concurrency: int = settings.WORKER__CONCURRENCY
    worker__lease: str = settings.WORKER__LEASE
    worker__shutdown_grace: str = settings.WORKER__SHUTDOWN_GRACE

    def concurrency(self, kind: str) -> int:
        """How many at once a worker of this kind runs by default."""
        return self.worker__concurrency or (self.thread_workers if kind == "thread" else self.max_workers)


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read and check all `OMNIQ_*` variables.

    Raises:
        ConfigError: a variable is unknown or malformed; the text names it.
        UnsupportedConfig: a configuration file is present, which this version cannot read.
    """
    found = os.environ if variables is None else variables
    if "OMNIQ_CONFIG" in found:
        raise UnsupportedConfig("OMNIQ_CONFIG", "use OMNIQ_* variables or explicit arguments")
    if Path("omniq.yaml").exists():
        raise UnsupportedConfig("omniq.yaml in the working folder", "use OMNIQ_* variables or explicit arguments")
    known = {field.upper() for field in Environment.__struct_fields__}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if not name.startswith(PREFIX) or name in ELSEWHERE:
            continue
        short = name.removeprefix(PREFIX)
        if short not in known:
            near = difflib.get_close_matches(short, sorted(known), 1)
            raise ConfigError(f"{name} is no setting; " + (f"did you mean {PREFIX}{near[0]}?" if near else "remove it"))
        values[short.lower()] = value
    try:
        return msgspec.convert(values, Environment, strict=False)
    except msgspec.ValidationError as why:
        field = str(why).rpartition("$.")[2].rstrip("`")
        raise ConfigError(f"{PREFIX}{field.upper()}: {str(why).partition(' - at')[0]}") from None
