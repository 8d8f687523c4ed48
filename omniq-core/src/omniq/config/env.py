"""Reads the `OMNIQ_*` variables: every one is known and well-formed, or the program is told which is not.

Invariant: an error shows a variable's name, and never a password in its value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from omniq.config import checks
from omniq.errors import ConfigError, InvalidName, InvalidOption, UnsupportedConfig
from omniq.models.url import mask
from omniq.models.values import Micros, span

__all__ = ("PREFIX", "READERS", "read_environment")

PREFIX = "OMNIQ_"

_ELSEWHERE = frozenset({"APP", "CONFIG", "PLUGINS"})
"""Read where they are used: the command line's app, the configuration file, the allow-list of plugins."""

_LATER = {
    "EVENT_STORAGE_TYPE": "events are not stored yet",
    "EVENT_STORAGE_URL": "events are not stored yet",
    "FSSPEC_URI": "there is no file store yet",
    "GEVENT_WORKERS": "there is no gevent kind yet",
    "PROCESS_WORKERS": "there is no process kind yet",
}


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Give the settings that the environment has, by their names without the prefix; an empty one is absent.

    Raises:
        ConfigError: a variable with our prefix is unknown, or its value is malformed.
        UnsupportedConfig: a variable is for something that this version does not have.
    """
    given: dict[str, Any] = {}
    for variable, text in sorted(environ.items()):
        key = variable.removeprefix(PREFIX)
        if key == variable or key in _ELSEWHERE or not text.strip():
            continue
        if key in _LATER:
            raise UnsupportedConfig(variable, f"unset it: {_LATER[key]}")
        reader = READERS.get(key)
        if reader is None:
            close = difflib.get_close_matches(key, [*READERS, *_ELSEWHERE], n=1)
            hint = f"did you mean {PREFIX}{close[0]}?" if close else "unset it or rename it"
            raise ConfigError(f"{variable} is no setting of this version; {hint}")
        try:
            given[key] = reader(text.strip())
        except (ValueError, InvalidOption, InvalidName) as error:
            why = error.why if isinstance(error, InvalidOption) else error
            raise ConfigError(f"{variable}={mask(text)}: {why}") from None
    return given


def _text(text: str) -> str:
    return text


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,]+", text)


def _queues(text: str) -> tuple[str, ...]:
    return checks.queues(_words(text))


def _components(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in _words(text)]
    if not all(sign for _, sign, _ in pairs):
        raise ValueError("write COMPONENT=LEVEL with commas between, for example worker=DEBUG")
    return checks.components({name: level for name, _, level in pairs})


def _codecs(text: str) -> tuple[str, ...]:
    return checks.codecs(_words(text))


def _required(text: str) -> tuple[str, ...]:
    return tuple(text.split())  # a comma stands between bounds


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError("write true or false")
    return text.lower() in ("true", "1")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("write a whole number, 1 or more")
    return int(text)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("write a whole number, 0 or more")
    return int(text)


def _duration(text: str) -> Micros:
    try:
        return span(float(text))
    except ValueError:
        return span(text)


def _positive(text: str) -> Micros:
    micros = _duration(text)
    if micros == 0:
        raise ValueError("write a duration above 0, for example 15s")
    return micros


def _optional(text: str) -> Micros | None:
    return None if text.lower() == "none" else _positive(text)


READERS: dict[str, Callable[[str], Any]] = {
    "BASE_DIR": _text,
    "PROJECT_NAME": checks.project,
    "BACKEND": _text,
    "TASK_QUEUE_TYPE": _text,
    "TASK_QUEUE_URL": _text,
    "RESULT_STORAGE_TYPE": _text,
    "RESULT_STORAGE_URL": _text,
    "DEFAULT_WORKER": _text,
    "MAX_WORKERS": _count,
    "THREAD_WORKERS": _count,
    "WORKER__CONCURRENCY": _count,
    "WORKER__QUEUES": _queues,
    "WORKER__LEASE": _positive,
    "WORKER__SHUTDOWN_GRACE": _duration,
    "TASK_TIMEOUT": _optional,
    "TASK_TTL": _optional,
    "RETRY_ATTEMPTS": _whole,
    "RETRY_DELAY": _duration,
    "RESULT_TTL": _duration,
    "LOG_LEVEL": checks.level,
    "DISABLE_LOGGING": _flag,
    "COMPONENT_LOG_LEVELS": _components,
    "LOGGING__FORMAT": checks.log_format,
    "SERIALIZATION__ALLOW": _codecs,
    "PLUGINS__REQUIRED": _required,
}
"""How each setting is read from text; a test holds the names equal to the constants."""
