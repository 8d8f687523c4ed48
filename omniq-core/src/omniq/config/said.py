"""Turns a configuration file or dict into settings: the same names and values that the environment gives.

Invariant: whatever the document says ends in a setting, a place or a queue's options, or is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from omniq.config import checks
from omniq.config.document import (
    LoggingSection,
    PluginsSection,
    QueueSection,
    RetrySection,
    SerializationSection,
    Top,
    UniqueSection,
    WorkerSection,
    convert,
    found,
    mapping,
    refuse_unknown,
)
from omniq.config.place import SaidPlace, said_place
from omniq.errors import ConfigConflict, ConfigError, InvalidName, InvalidOption, UnsupportedConfig
from omniq.models.url import mask
from omniq.models.values import Micros, span

__all__ = ("Said", "read_document")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One document, read. `values` has settings by name, `paths` where each stands."""

    source: str = ""
    values: dict[str, Any] = {}
    paths: dict[str, str] = {}
    places: dict[str, SaidPlace] = {}
    queues: dict[str, dict[str, Any]] = {}
    """Options by queue, in the order of the document; durations in seconds, as a declaration takes them."""


def read_document(document: Mapping[str, Any], source: str) -> Said:
    """Read a whole document; `source` names it in errors.

    Raises:
        ConfigError: a key is unknown, or a value has a wrong type or makes no sense.
        ConfigConflict: two keys disagree.
        UnsupportedConfig: a key is for something that this version does not have.
    """
    top = convert(Top, document, "", source).said()
    for key, instead in _LATER.items():
        if top.get(key) is not None:
            raise UnsupportedConfig(f"{key} in {source}", instead)
    reader = _Reader(source)
    for key, read in _TOP.items():
        reader.take(key.upper(), top, key, "", read)
    reader.worker(top.get("worker"))
    reader.logging(top.get("logging"))
    reader.others(top)
    places = {
        key: said_place(top[key], key, source, extra=("result_ttl",) if key == "result_storage" else ())
        for key in ("backend", "task_queue", "result_storage")
        if top.get(key) is not None
    }
    if "result_storage" in places:
        if "result_ttl" in places["result_storage"].extra and "RESULT_TTL" in reader.values:
            raise ConfigConflict(f"result_ttl is set in {source}", "result_storage.result_ttl is set too")
        reader.take("RESULT_TTL", places["result_storage"].extra, "result_ttl", "result_storage", _duration)
    queues = _queues(top.get("queues"), source)
    _agree(reader.values.get("WORKER__QUEUES", ()), queues, source)
    return Said(source=source, values=reader.values, paths=reader.paths, places=places, queues=queues)


class _Reader:
    """Collects settings and where they stand."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.values: dict[str, Any] = {}
        self.paths: dict[str, str] = {}

    def take(self, setting: str, said: Mapping[str, Any], key: str, section: str, read: Callable[[Any], Any]) -> None:
        """Read one key if it is there."""
        if key not in said:
            return
        path = f"{section}.{key}" if section else key
        try:
            self.values[setting] = read(said[key])
        except (ValueError, InvalidOption, InvalidName) as error:
            raise ConfigError(f"{path} in {self.source}: {_why(error)}") from None
        self.paths[setting] = path

    def worker(self, raw: Any) -> None:
        said = convert(WorkerSection, raw, "worker", self.source).said()
        self.take("DEFAULT_WORKER", said, "type", "worker", str)
        self.take("WORKER__CONCURRENCY", said, "concurrency", "worker", int)
        self.take("WORKER__QUEUES", said, "queues", "worker", checks.queues)
        self.take("WORKER__LEASE", said, "lease", "worker", _positive)
        self.take("WORKER__SHUTDOWN_GRACE", said, "shutdown_grace", "worker", _duration)

    def logging(self, raw: Any) -> None:
        said = convert(LoggingSection, raw, "logging", self.source).said()
        self.take("LOG_LEVEL", said, "level", "logging", checks.level)
        self.take("LOGGING__FORMAT", said, "format", "logging", checks.log_format)
        self.take("DISABLE_LOGGING", said, "disabled", "logging", bool)
        self.take("COMPONENT_LOG_LEVELS", said, "components", "logging", checks.components)

    def others(self, top: Mapping[str, Any]) -> None:
        serialization = convert(SerializationSection, top.get("serialization"), "serialization", self.source).said()
        if serialization.get("signing_keys") is not None:
            raise UnsupportedConfig(
                f"serialization.signing_keys in {self.source}", "remove it: payloads are not signed yet"
            )
        self.take("SERIALIZATION__ALLOW", serialization, "allow", "serialization", checks.codecs)
        plugins = convert(PluginsSection, top.get("plugins"), "plugins", self.source).said()
        self.take("PLUGINS__REQUIRED", plugins, "required", "plugins", tuple)


def _queues(raw: Any, source: str) -> dict[str, dict[str, Any]]:
    queues = {}
    for name, options in mapping(raw, "queues", source).items():
        path = f"queues.{name}"
        try:
            checks.queue(name)
        except InvalidName as error:
            raise ConfigError(f"{path} in {source}: {error}") from None
        said = convert(QueueSection, options, path, source).said()
        if said.get("retry", "") is None:
            del said["retry"]
        for key in ("ttl", "timeout", "deadline", "max_runtime", "result_ttl"):
            if said.get(key) is not None:
                said[key] = _seconds(said[key], f"{path}.{key}", source)
        if "retry" in said:
            if "retries" in said:
                raise ConfigConflict(f"{path}.retry is set in {source}", f"{path}.retries is set too")
            said["retry"] = convert(RetrySection, said["retry"], f"{path}.retry", source).said()
            for key in ("base", "cap"):
                if key in said["retry"]:
                    said["retry"][key] = _seconds(said["retry"][key], f"{path}.retry.{key}", source)
        if said.get("unique") is not None and not isinstance(said["unique"], str):
            said["unique"] = _unique(said["unique"], f"{path}.unique", source)
        queues[name] = said
    return queues


def _unique(raw: Any, path: str, source: str) -> dict[str, Any]:
    said = convert(UniqueSection, raw, path, source).said()
    if "key" not in said:
        raise ConfigError(f"{path}.key in {source}: wanted text, found nothing")
    if said.get("on_conflict", "return") not in ("return", "raise"):
        raise ConfigError(f"{path}.on_conflict in {source}: write return or raise")
    if said.get("until", "terminal") not in ("terminal", "started"):
        said["until"] = _seconds(said["until"], f"{path}.until", source)
    return said


def _agree(served: tuple[str, ...], queues: Mapping[str, Any], source: str) -> None:
    """Hold the worker's list to the queues that are listed, where any are: a slip would serve nothing."""
    if queues:
        for name in served:
            if name != "default":
                refuse_unknown((name,), queues, "queues", f"{source} (named by worker.queues)")


def _why(error: Exception) -> str:
    return error.why if isinstance(error, InvalidOption) else mask(str(error))


def _seconds(value: Any, path: str, source: str) -> float:
    try:
        return span(value) / 1_000_000
    except InvalidOption as error:
        raise ConfigError(f"{path} in {source}: {error.why}") from None


def _duration(value: Any) -> Micros:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"wanted a duration, seconds or text such as 1h30m, found {found(value, '')}")
    return span(value)


def _optional(value: Any) -> Micros | None:
    return None if isinstance(value, str) and value.lower() == "none" else _positive(value)


def _positive(value: Any) -> Micros:
    micros = _duration(value)
    if micros == 0:
        raise ValueError("write a duration above 0, for example 15s")
    return micros


_TOP: dict[str, Callable[[Any], Any]] = {
    "project_name": checks.project,
    "base_dir": str,
    "task_timeout": _optional,
    "task_ttl": _optional,
    "retry_attempts": int,
    "retry_delay": _duration,
    "result_ttl": _duration,
    "max_workers": int,
    "thread_workers": int,
}
"""The keys at the top that are a setting each, under the setting's name in small letters."""

_LATER = {
    "event_storage": "remove it: events are not stored yet",
    "schedules": "remove it: nothing is scheduled yet",
}
