"""Where tasks and results are, as each level says it: arguments, environment, file; and who wins.

A URL for both is the answer for both keys of its level, so a lower level cannot split one store over two
engines behind the back of whoever named it.

Invariant: a type and the scheme of its URL agree, or the program is told both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from omniq.config.document import found, mapping
from omniq.errors import ConfigConflict, ConfigError
from omniq.models.url import mask, scheme_of
from omniq.plugins.provider import Role
from omniq.plugins.registry import Registry

__all__ = ("Level", "Place", "SaidPlace", "decide", "said_place", "selected", "url_of")

_PARTS = ("host", "port", "user", "password", "path")


class SaidPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place as a document writes it: a name or URL alone, or a type, a URL and the backend's options."""

    type: str | None = None
    url: str | None = None
    options: dict[str, str] = {}
    extra: dict[str, Any] = {}
    """Keys that stand beside the place and are read by somebody else."""


class Place(NamedTuple):
    """What selects a backend, and who said so."""

    what: Any
    origin: str


class Level(NamedTuple):
    """What one source says; None where it is silent."""

    backend: Place | None = None
    tasks: Place | None = None
    results: Place | None = None


def said_place(raw: Any, path: str, source: str, *, extra: Iterable[str] = ()) -> SaidPlace:
    """Read a place from a document.

    Raises:
        ConfigError: it is neither text nor a mapping, says nothing, or an option has no plain value.
    """
    if isinstance(raw, str):
        return SaidPlace(url=raw)
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{path} in {source}: wanted a URL, a name or a mapping, found {found(raw, path)}")
    said = {key: value for key, value in mapping(raw, path, source).items() if value is not None}
    beside = {key: said.pop(key) for key in extra if key in said}
    texts = {key: _text(value, f"{path}.{key}", source) for key, value in said.items()}
    kind, url = texts.pop("type", None), texts.pop("url", None)
    if kind is None and url is None and (texts or not beside):
        raise ConfigError(f"{path} in {source} needs a type or a url, for example {{type: sqlite, path: jobs.db}}")
    if url is not None and (doubled := [key for key in _PARTS if key in texts]):
        raise ConfigConflict(f"{path}.url is given in {source}", f"{path}.{doubled[0]} is given too")
    return SaidPlace(type=kind, url=url, options=texts, extra=beside)


def url_of(kind: str | None, url: str | None, names: tuple[str, str], role: Role, plugins: Registry) -> str | None:
    """Join a type and a URL into what selects the backend; `names` are theirs in an error.

    Raises:
        ConfigConflict: the type is of another backend than the URL's scheme.
        PluginError: nothing that can be used here has the type.
    """
    if kind is None or url is None:
        return kind or url
    provider = plugins.provider(kind, role)
    scheme = scheme_of(url)
    if scheme not in (provider.name, *provider.schemes):
        raise ConfigConflict(f"{names[0]}={kind}", f"{names[1]} starts with {scheme or mask(url)}://")
    distribution = kind.rpartition(":")[0]
    return f"{distribution}:{url}" if distribution else url


def selected(place: SaidPlace, path: str, role: Role, plugins: Registry) -> str | None:
    """Give what selects the backend of a place in a document, its options written into the URL."""
    kind, url = place.type, place.url
    if place.options and url is None:
        assert kind is not None  # `said_place` asked for one of the two
        provider = plugins.provider(kind, role)
        url = _url((provider.schemes or (provider.name,))[0], place.options)
    elif place.options:
        assert url is not None
        url += ("&" if "?" in url else "?") + urlencode(place.options)
    return url_of(kind, url, (f"{path}.type", f"{path}.url"), role, plugins)


def decide(levels: Sequence[Level]) -> tuple[Place, Place]:
    """Say where tasks and results are, the strongest level first; the last one names a backend."""
    tasks: Place | None = None
    results: Place | None = None
    for level in levels:
        results = results or level.results
        if tasks is None:
            tasks = level.tasks or level.backend
            if results is None and level.backend is not None:  # it is for both, so it has the results
                results = level.backend if level.tasks is not None else Place(None, "with the tasks")
    assert tasks is not None
    return tasks, results or Place(None, "with the tasks")


def _url(scheme: str, options: Mapping[str, str]) -> str:
    rest = {key: value for key, value in options.items() if key not in _PARTS}
    user, password = quote(options.get("user", ""), safe=""), quote(options.get("password", ""), safe="")
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    host = options.get("host", "")
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    port = f":{options['port']}" if "port" in options else ""
    query = f"?{urlencode(rest)}" if rest else ""
    return f"{scheme}://{login}{place}{port}/{quote(options.get('path', ''))}{query}"


def _text(value: Any, path: str, source: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(f"{path} in {source}: wanted text, a number, true or false, found {found(value, path)}")
