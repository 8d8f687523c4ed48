"""What a configuration file or dict may say: the shape of each section, and how a wrong one is named.

Invariant: an error gives the dotted path, what is wanted there and what was found, with passwords masked; no
key is ignored.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import msgspec

from omniq.errors import ConfigError
from omniq.models.url import MASK, mask

__all__ = (
    "LoggingSection",
    "PluginsSection",
    "QueueSection",
    "RetrySection",
    "SerializationSection",
    "Top",
    "UniqueSection",
    "WorkerSection",
    "convert",
    "found",
    "mapping",
    "refuse_unknown",
)

T = TypeVar("T", bound=msgspec.Struct)
Seconds = int | float | str
Count = Annotated[int, msgspec.Meta(ge=1)]
Whole = Annotated[int, msgspec.Meta(ge=0)]


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """Everything may be left out; what is left out is not in `said`."""

    def said(self) -> dict[str, Any]:
        """Give what was written, by key."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not msgspec.UNSET}


class Top(_Section, frozen=True, kw_only=True):
    """The whole document. What has a shape of its own is read apart."""

    project_name: str | msgspec.UnsetType = msgspec.UNSET
    base_dir: str | msgspec.UnsetType = msgspec.UNSET
    task_timeout: Seconds | msgspec.UnsetType = msgspec.UNSET
    task_ttl: Seconds | msgspec.UnsetType = msgspec.UNSET
    retry_attempts: Whole | msgspec.UnsetType = msgspec.UNSET
    retry_delay: Seconds | msgspec.UnsetType = msgspec.UNSET
    result_ttl: Seconds | msgspec.UnsetType = msgspec.UNSET
    max_workers: Count | msgspec.UnsetType = msgspec.UNSET
    thread_workers: Count | msgspec.UnsetType = msgspec.UNSET
    backend: Any = msgspec.UNSET
    task_queue: Any = msgspec.UNSET
    result_storage: Any = msgspec.UNSET
    queues: Any = msgspec.UNSET
    worker: Any = msgspec.UNSET
    logging: Any = msgspec.UNSET
    serialization: Any = msgspec.UNSET
    plugins: Any = msgspec.UNSET
    event_storage: Any = msgspec.UNSET
    schedules: Any = msgspec.UNSET


class WorkerSection(_Section, frozen=True, kw_only=True):
    """How this project's workers run unless told otherwise."""

    type: str | msgspec.UnsetType = msgspec.UNSET
    concurrency: Count | msgspec.UnsetType = msgspec.UNSET
    queues: list[str] | msgspec.UnsetType = msgspec.UNSET
    lease: Seconds | msgspec.UnsetType = msgspec.UNSET
    shutdown_grace: Seconds | msgspec.UnsetType = msgspec.UNSET


class LoggingSection(_Section, frozen=True, kw_only=True):
    """What `LoggingConfig.configure` sets up."""

    level: str | msgspec.UnsetType = msgspec.UNSET
    format: str | msgspec.UnsetType = msgspec.UNSET
    components: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class SerializationSection(_Section, frozen=True, kw_only=True):
    """Which codecs are written and read."""

    allow: list[str] | msgspec.UnsetType = msgspec.UNSET
    signing_keys: Any = msgspec.UNSET


class PluginsSection(_Section, frozen=True, kw_only=True):
    """Which distributions must be there."""

    required: list[str] | msgspec.UnsetType = msgspec.UNSET


class QueueSection(_Section, frozen=True, kw_only=True):
    """Options for every task of one queue: those of a declaration but `name`, `queue` and `schedule`."""

    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] | msgspec.UnsetType = msgspec.UNSET
    ttl: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    timeout: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    deadline: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    max_runtime: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    retries: Whole | msgspec.UnsetType = msgspec.UNSET
    retry: Any = msgspec.UNSET
    result_ttl: Seconds | msgspec.UnsetType = msgspec.UNSET
    unique: Any = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class RetrySection(_Section, frozen=True, kw_only=True):
    """A `RetryPolicy`; exceptions go by `module:name`."""

    max: Whole | msgspec.UnsetType = msgspec.UNSET
    base: Seconds | msgspec.UnsetType = msgspec.UNSET
    factor: float | msgspec.UnsetType = msgspec.UNSET
    cap: Seconds | msgspec.UnsetType = msgspec.UNSET
    jitter: bool | msgspec.UnsetType = msgspec.UNSET
    retry_on: list[str] | msgspec.UnsetType = msgspec.UNSET
    give_up_on: list[str] | msgspec.UnsetType = msgspec.UNSET


class UniqueSection(_Section, frozen=True, kw_only=True):
    """A `Unique`."""

    key: str | msgspec.UnsetType = msgspec.UNSET
    until: Seconds | msgspec.UnsetType = msgspec.UNSET
    on_conflict: str | msgspec.UnsetType = msgspec.UNSET


def convert(kind: type[T], raw: Any, path: str, source: str) -> T:
    """Read one section; `path` is where it stands, "" at the top. A key without a value is as good as none.

    Raises:
        ConfigError: it is no mapping, or a key is unknown or has a wrong type.
    """
    said = mapping(raw, path, source)
    refuse_unknown(said, kind.__struct_fields__, path, source)
    said = {key: value.total_seconds() if isinstance(value, timedelta) else value for key, value in said.items()}
    if kind is not QueueSection:  # there null means something: without end
        said = {key: value for key, value in said.items() if value is not None}
    try:
        return msgspec.convert(said, type=kind, strict=True)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), said, path, source) from None


def mapping(raw: Any, path: str, source: str) -> dict[str, Any]:
    """Give a mapping with text as keys; nothing is an empty one.

    Raises:
        ConfigError: it is something else.
    """
    if raw is None or raw is msgspec.UNSET:
        return {}
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{path or 'the document'} in {source}: wanted a mapping, found {found(raw, path)}")
    for key in raw:
        if not isinstance(key, str):  # YAML reads an unquoted no, on or 7 as something else
            raise ConfigError(f"{_joined(path, str(key))} in {source}: a key is text; put {str(key)!r} in quotes")
    return dict(raw)


def refuse_unknown(said: Iterable[str], known: Iterable[str], path: str, source: str) -> None:
    """Refuse a key that nobody would read. Raises ConfigError with the nearest one."""
    names = tuple(known)
    for key in said:
        if key not in names:
            close = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"{path or 'the document'} has {', '.join(names)}"
            raise ConfigError(f"{_joined(path, key)} in {source} is no setting of this version; {hint}")


def found(value: Any, path: str) -> str:
    """Say what a value is, in words that may be shown."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a mapping"
        case list() | tuple() | set():
            return "a list"
        case _ if _SECRET.search(path):
            return MASK
        case str():
            return f"text {mask(value)[:60]!r}"
        case int() | float():
            return str(value)
        case _:
            return f"a {type(value).__name__}"


_SECRET = re.compile(r"(?i)(password|passwd|secret|token|key)[^.]*$")
_ERROR = re.compile(r"Expected (?P<want>.*?)(?:, got `[^`]*`)?(?: - at `\$(?P<place>.*)`)?$")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_WORDS = {
    "int | float | str": "a duration, seconds or text such as 1h30m",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def _misfit(message: str, said: Mapping[str, Any], path: str, source: str) -> ConfigError:
    """Put an error of msgspec into words of the file."""
    parts = _ERROR.match(message)
    if parts is None:
        return ConfigError(f"{path or 'the document'} in {source}: {message}")
    value: Any = said
    where = path
    for step in _STEP.finditer(parts["place"] or ""):
        if step["key"] is not None:
            where = _joined(where, step["key"])
            value = value[step["key"]]
        elif step["index"] is not None:
            where = f"{where}[{step['index']}]"
            value = value[int(step["index"])]
        else:  # some entry of a mapping: msgspec does not say which
            value = next((one for one in value.values() if not isinstance(one, str)), None)
    want = re.sub(r"`([^`]*)`", lambda words: _words(words[1]), parts["want"])
    return ConfigError(f"{where} in {source}: wanted {want}, found {found(value, where)}")


def _words(types: str) -> str:
    kinds = [one for one in types.split(" | ") if one != "null"]
    joined = " | ".join(sorted(kinds, key=["int", "float", "str", "bool", "array", "object"].index))
    return _WORDS.get(joined) or " or ".join(_WORDS[one] for one in kinds)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
