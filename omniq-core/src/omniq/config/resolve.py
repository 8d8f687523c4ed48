"""One answer for each setting: an explicit argument, else the environment, else the file or dict, else the default.

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
from omniq.config.decided import FIELDS, Config
from omniq.config.env import PREFIX, READERS, read_environment
from omniq.config.file import find_file, load_file
from omniq.config.logs import LoggingConfig
from omniq.config.place import Level, Place, decide, selected, url_of
from omniq.config.required import check_required
from omniq.config.said import Said, read_document
from omniq.errors import ConfigConflict, ConfigError, PluginError
from omniq.models.url import mask
from omniq.models.values import check_name
from omniq.plugins.provider import Role
from omniq.plugins.registry import Backend, Registry, registry

__all__ = ("Config", "ConfigProvider", "Places", "places", "resolve")


class ConfigProvider:
    """Loads, merges and validates settings; each `Config` that it gives says where every value comes from.

    Args:
        file: the configuration file. Default: OMNIQ_CONFIG, else omniq.yaml in the working directory if it
            is there.
        document: the same as a dict, in the place of any file.
        environ, folder: stand for the process's own environment and working directory.
    """

    def __init__(
        self,
        *,
        file: str | Path | None = None,
        document: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
        plugins: Registry = registry,
    ) -> None:
        self._file = file
        self._document = document
        self._environ = os.environ if environ is None else environ
        self._folder = folder
        self._plugins = plugins

    def config(
        self,
        *,
        backend: object = None,
        task_queue: object = None,
        result_storage: object = None,
        project: str | None = None,
    ) -> Config:
        """Decide every setting; an argument that is None is not given. Raises as `resolve`."""
        if backend is not None and task_queue is not None:
            raise ConfigConflict(f"the backend is {_named(backend)}", f"task_queue is {_named(task_queue)}")
        given = read_environment(self._environ)
        said = self._said()
        values, origins = _merged(given, said)
        if project is not None:
            values["PROJECT_NAME"], origins["PROJECT_NAME"] = check_name("project", project), "argument"
        arguments = Level(*(None if one is None else Place(one, "argument") for one in (
            backend, task_queue, result_storage,
        )))  # fmt: skip
        default = Level(backend=Place(_default_url(values["BASE_DIR"]), "default"))
        tasks, results = decide([arguments, self._from_environment(given), self._from_document(said), default])
        origins["TASKS"], origins["RESULTS"] = tasks.origin, results.origin
        origins |= {f"QUEUES.{queue}": f"{said.source} queues.{queue}" for queue in said.queues}
        self._check(values, origins, said)
        return Config(
            tasks=_placed(tasks.what, values["BASE_DIR"]),
            results=_placed(results.what, values["BASE_DIR"]),
            queues=tuple(dict.fromkeys((*values["WORKER__QUEUES"], *said.queues))),
            queue_options={queue: options for queue, options in said.queues.items() if options},
            logging=LoggingConfig(
                level=values["LOG_LEVEL"],
                format=values["LOGGING__FORMAT"],
                components=values["COMPONENT_LOG_LEVELS"],
                disabled=values["DISABLE_LOGGING"],
            ),
            **{field: values[key] for field, key in FIELDS.items()},
            origins=origins,
        )

    def _said(self) -> Said:
        if self._document is not None:
            return read_document(self._document, "the dict")
        file = self._file or self._environ.get(f"{PREFIX}CONFIG", "").strip() or None
        path = find_file(self._folder or Path.cwd()) if file is None else Path(file).expanduser()
        return Said() if path is None else read_document(load_file(path), str(path))

    def _from_environment(self, given: Mapping[str, Any]) -> Level:
        def place(key: str, role: Role) -> Place | None:
            names = f"{PREFIX}{key}_TYPE", f"{PREFIX}{key}_URL"
            what = url_of(given.get(f"{key}_TYPE"), given.get(f"{key}_URL"), names, role, self._plugins)
            return None if what is None else Place(what, f"environment {PREFIX}{key}_*")

        backend = given.get("BACKEND")
        return Level(
            backend=None if backend is None else Place(backend, f"environment {PREFIX}BACKEND"),
            tasks=place("TASK_QUEUE", Role.TASKS),
            results=place("RESULT_STORAGE", Role.RESULTS),
        )

    def _from_document(self, said: Said) -> Level:
        def place(key: str, role: Role) -> Place | None:
            if key not in said.places:
                return None
            what = selected(said.places[key], key, role, self._plugins)
            return None if what is None else Place(what, f"{said.source} {key}")

        return Level(
            place("backend", Role.TASKS), place("task_queue", Role.TASKS), place("result_storage", Role.RESULTS)
        )

    def _check(self, values: Mapping[str, Any], origins: Mapping[str, str], said: Said) -> None:
        """Refuse what could not work later: a worker kind that nobody has, a distribution that is missing."""
        check_required(values["PLUGINS__REQUIRED"], origins["PLUGINS__REQUIRED"])
        if "DEFAULT_WORKER" in said.values:
            try:
                self._plugins.provider(said.values["DEFAULT_WORKER"], Role.WORKER)
            except PluginError as error:
                raise ConfigError(f"worker.type in {said.source}: {error}") from None


def resolve(
    *,
    backend: object = None,
    task_queue: object = None,
    result_storage: object = None,
    project: str | None = None,
    file: str | Path | None = None,
    document: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    plugins: Registry = registry,
) -> Config:
    """Decide every setting; an argument that is None is not given.

    `backend` is for tasks and results, `task_queue` and `result_storage` for one of them; results that nobody
    gave a place stay with the tasks. The rest is as in `ConfigProvider`.

    Raises:
        ConfigError: a variable or key is unknown or malformed, or a file cannot be read.
        ConfigConflict: a type and a URL disagree, or two settings exclude each other.
        UnsupportedConfig: a setting is for something that this version does not have.
    """
    provider = ConfigProvider(file=file, document=document, environ=environ, folder=folder, plugins=plugins)
    return provider.config(backend=backend, task_queue=task_queue, result_storage=result_storage, project=project)


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


def _merged(given: Mapping[str, Any], said: Said) -> tuple[dict[str, Any], dict[str, str]]:
    """Join the environment, a document and the defaults, key by key."""
    values, origins = {}, {}
    for key in READERS:
        if key in given:
            values[key], origins[key] = given[key], f"environment {PREFIX}{key}"
        elif key in said.values:
            values[key], origins[key] = said.values[key], f"{said.source} {said.paths[key]}"
        else:
            values[key], origins[key] = getattr(settings, key), "default"
    return values, origins


def _default_url(base_dir: str) -> str:
    return f"sqlite:///{quote(base_dir)}/omniq.db"


def _placed(what: Any, base_dir: str) -> Any:
    """Put a SQLite that was named without a file where the default one is."""
    return _default_url(base_dir) if what == "sqlite" else what


def _named(value: object) -> str:
    return repr(mask(value)) if isinstance(value, str) else type(value).__name__
