"""From a URL, a name or an object to backends that can be opened.

The order, per key: explicit argument, environment, default. Nothing is opened or created here.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from omniq.config.env import Environment
from omniq.errors import ConfigConflict, ConfigError
from omniq.models.values import check_name
from omniq.plugins.provider import Role
from omniq.plugins.registry import registry
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("Backend", "Places", "make_backend", "masked", "resolve")


DEFAULT = "sqlite"
"""One file in BASE_DIR: what a first script gets."""


class Backend(Protocol):
    """A ready-made place with its roles; a role that it lacks is an attribute that it lacks."""

    def tasks(self) -> BaseTaskQueue: ...

    def results(self) -> BaseResultStorage: ...


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of an app live. `results` None: with the tasks."""

    tasks: Any
    results: Any = None
    project: str = "default"


def masked(url: str) -> str:
    """Show a URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:***@{host}").geturl()


def resolve(
    url: object = None,
    *,
    task_queue: object = None,
    result_storage: object = None,
    project: str | None = None,
    environment: Environment,
) -> Places:
    """Decide where tasks and results live.

    Raises:
        ConfigConflict: two settings contradict each other.
        BackendNotFound and its siblings: no plugin fits.
    """
    name = check_name("project", project or environment.project_name)
    if url is not None and task_queue is not None:
        raise ConfigConflict(f"the backend is {_shown(url)}", f"task_queue= is {_shown(task_queue)}")
    tasks = task_queue if task_queue is not None else url
    if tasks is None:
        tasks = _from_environment(environment, "task_queue") or environment.backend or DEFAULT
    results = result_storage
    if results is None and url is None and task_queue is None:
        results = _from_environment(environment, "result_storage") or None
    return Places(
        tasks=make_backend(tasks, Role.TASKS, name, environment),
        results=None if results is None else make_backend(results, Role.RESULTS, name, environment),
        project=name,
    )


def make_backend(where: object, role: Role, project: str, environment: Environment) -> Any:
    """Make the backend that a URL, a name or an object names; an object is taken as it is."""
    if not isinstance(where, str):
        return where
    scheme, colon, _ = where.partition(":")
    provider = registry.select(role, scheme if colon and _is_url(where) else where)
    options = _options(where if colon and _is_url(where) else "", provider.name, environment)
    if not provider.options:
        if options:
            raise ConfigError(f"{masked(where)}: {provider.name} takes no options")
        decoded = None
    else:
        kind = registry.load(role, provider, provider.options)
        try:
            decoded = msgspec.convert(options, kind, strict=False)
        except msgspec.ValidationError as why:
            raise ConfigError(f"{masked(where)}: {why}") from None
    return registry.load(role, provider, provider.factory)(decoded, project=project)


def _is_url(where: str) -> bool:
    scheme, _, rest = where.partition(":")
    return rest.startswith("//") or scheme == "file"


def _options(url: str, name: str, environment: Environment) -> dict[str, Any]:
    """Take a URL apart: three slashes are a relative path and four an absolute one, as SQL users write it."""
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    for field in ("username", "password", "hostname", "port"):
        value = getattr(parts, field)
        if value is not None:
            options[field] = value
    path = unquote(parts.path).removeprefix("/")
    if not path and name == "sqlite":
        path = f"{environment.base_dir}/omniq.db"
    if path:
        options["path"] = path
    return options


def _from_environment(environment: Environment, role: str) -> str:
    kind = str(getattr(environment, f"{role}_type"))
    url = str(getattr(environment, f"{role}_url"))
    if kind and url:
        scheme = url.partition(":")[0]
        of = Role.TASKS if role == "task_queue" else Role.RESULTS
        if registry.select(of, kind) != registry.select(of, scheme):
            raise ConfigConflict(f"OMNIQ_{role.upper()}_TYPE={kind}", f"OMNIQ_{role.upper()}_URL starts with {scheme}:")
    return url or kind


def _shown(value: object) -> str:
    return repr(masked(value)) if isinstance(value, str) else type(value).__name__
