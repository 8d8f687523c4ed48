"""One answer for each setting: an explicit argument, else the environment, else the default.

Invariant: nothing is opened or created here and no driver is imported; afterwards no two settings contradict
each other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from omniq.config import settings
from omniq.config.env import PREFIX, READERS, read_environment
from omniq.errors import ConfigConflict, UnsupportedConfig
from omniq.models.url import mask, scheme_of
from omniq.models.values import Micros, check_name
from omniq.plugins.provider import Role
from omniq.plugins.registry import Backend, Registry, registry

__all__ = ("Config", "Places", "places", "resolve")

_FILES = ("omniq.yaml", "omniq.yml")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, decided. Durations are microseconds.

    `tasks` and `results` are what `registry.backend` takes: a URL, a name or an object. `results` is None
    where results stay with the tasks. `origins` says for each setting where its value comes from.
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
    lease: Micros
    shutdown_grace: Micros
    timeout: Micros | None
    ttl: Micros | None
    retries: int
    retry_delay: Micros
    result_ttl: Micros
    log_level: str
    origins: dict[str, str]

    def concurrency_of(self, kind: str) -> int:
        """Say how many bodies a worker of this kind runs at once unless told otherwise."""
        if self.concurrency is not None:
            return self.concurrency
        return self.thread_workers if kind == "thread" else self.max_workers

    def __repr__(self) -> str:
        shown = (f"{name}={_shown(getattr(self, name))}" for name in self.__struct_fields__ if name != "origins")
        return f"Config({', '.join(shown)})"


def resolve(
    *,
    backend: object = None,
    task_queue: object = None,
    result_storage: object = None,
    project: str | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    plugins: Registry = registry,
) -> Config:
    """Decide every setting; an argument that is None is not given.

    `backend` is for tasks and results, `task_queue` and `result_storage` for one of them; results that nobody
    gave a place stay with the tasks. `environ` and `folder` stand for the process's own.

    Raises:
        ConfigError: a variable is unknown or malformed.
        ConfigConflict: a type and a URL disagree, or `backend` and `task_queue` are both given.
        UnsupportedConfig: OMNIQ_CONFIG or an omniq.yaml is there.
    """
    for name in _FILES:
        if (file := (folder or Path.cwd()) / name).exists():
            raise UnsupportedConfig(str(file), f"move it away and give {PREFIX}* variables or arguments instead")
    given = read_environment(os.environ if environ is None else environ)
    values = {key: given.get(key, getattr(settings, key)) for key in READERS}
    origins = {key: f"environment {PREFIX}{key}" if key in given else "default" for key in READERS}
    if project is not None:
        values["PROJECT_NAME"], origins["PROJECT_NAME"] = check_name("project", project), "argument"

    if backend is not None and task_queue is not None:
        raise ConfigConflict(f"the backend is {_named(backend)}", f"task_queue is {_named(task_queue)}")
    env_backend = given.get("BACKEND"), f"environment {PREFIX}BACKEND"
    env_tasks = _typed("TASK_QUEUE", Role.TASKS, given, plugins), f"environment {PREFIX}TASK_QUEUE_*"
    env_results = _typed("RESULT_STORAGE", Role.RESULTS, given, plugins), f"environment {PREFIX}RESULT_STORAGE_*"
    told = backend if backend is not None else task_queue
    default = _default_url(values["BASE_DIR"]), "default"
    tasks, origin = _first((told, "argument"), env_tasks, env_backend, default)
    choices = [(result_storage, "argument")]
    if backend is None:
        choices.append(env_results)
    if told is None and env_tasks[0] is not None:  # a backend is for both, so it still has the results
        choices.append(env_backend)
    results, results_origin = _first(*choices, (None, "with the tasks"))
    return Config(
        project=values["PROJECT_NAME"],
        base_dir=values["BASE_DIR"],
        tasks=_placed(tasks, values["BASE_DIR"]),
        results=_placed(results, values["BASE_DIR"]),
        worker=values["DEFAULT_WORKER"],
        max_workers=values["MAX_WORKERS"],
        thread_workers=values["THREAD_WORKERS"],
        concurrency=values["WORKER__CONCURRENCY"],
        queues=values["WORKER__QUEUES"],
        lease=values["WORKER__LEASE"],
        shutdown_grace=values["WORKER__SHUTDOWN_GRACE"],
        timeout=values["TASK_TIMEOUT"],
        ttl=values["TASK_TTL"],
        retries=values["RETRY_ATTEMPTS"],
        retry_delay=values["RETRY_DELAY"],
        result_ttl=values["RESULT_TTL"],
        log_level=values["LOG_LEVEL"],
        origins={**origins, "TASKS": origin, "RESULTS": results_origin},
    )


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The backends of the roles, not open. `results` is None where results stay with the tasks."""

    tasks: Backend
    results: Backend | None


def places(config: Config, plugins: Registry = registry) -> Places:
    """Make the backends that a configuration names; raises as `Registry.backend`."""
    results = config.results
    return Places(
        tasks=plugins.backend(config.tasks, project=config.project),
        results=None if results is None else plugins.backend(results, project=config.project, role=Role.RESULTS),
    )


def _first(*choices: tuple[Any, str]) -> tuple[Any, str]:
    for value, origin in choices[:-1]:
        if value is not None:
            return value, origin
    return choices[-1]


def _typed(key: str, role: Role, given: Mapping[str, Any], plugins: Registry) -> str | None:
    """Join a type and a URL of the environment into what selects the backend."""
    kind, url = given.get(f"{key}_TYPE"), given.get(f"{key}_URL")
    if kind is None or url is None:
        return kind or url
    provider = plugins.provider(kind, role)
    scheme = scheme_of(url)
    if scheme not in (provider.name, *provider.schemes):
        raise ConfigConflict(f"{PREFIX}{key}_TYPE={kind}", f"{PREFIX}{key}_URL starts with {scheme or mask(url)}://")
    distribution = kind.rpartition(":")[0]
    return f"{distribution}:{url}" if distribution else url


def _default_url(base_dir: str) -> str:
    return f"sqlite:///{quote(base_dir)}/omniq.db"


def _placed(what: Any, base_dir: str) -> Any:
    """Put a SQLite that was named without a file where the default one is."""
    return _default_url(base_dir) if what == "sqlite" else what


def _shown(value: object) -> str:
    return repr(mask(value)) if isinstance(value, str) else repr(value)


def _named(value: object) -> str:
    return _shown(value) if isinstance(value, str) else type(value).__name__
