"""What a setting may be, wherever it was written: each check gives the value in its one form, or says why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from omniq.config import settings
from omniq.models.values import check_name

__all__ = ("codecs", "components", "level", "log_format", "project", "queue", "queues")


def project(name: str) -> str:
    return check_name("project", name)


def queue(name: str) -> str:
    return check_name("queue", name)


def queues(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(queue, names))


def level(text: str) -> str:
    if text.upper() not in settings.LOG_LEVELS:
        raise ValueError(f"write one of {', '.join(settings.LOG_LEVELS)}")
    return text.upper()


def log_format(text: str) -> str:
    if text not in settings.LOG_FORMATS:
        raise ValueError(f"write one of {', '.join(settings.LOG_FORMATS)}")
    return text


def components(levels: Mapping[str, str]) -> dict[str, str]:
    """Levels by component, the part of a logger's name behind `omniq.`."""
    for name in levels:
        if not re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*", name):
            raise ValueError(f"{name!r} is no component; write for example worker, for the logger omniq.worker")
    return {name: level(text) for name, text in levels.items()}


def codecs(names: Iterable[str]) -> tuple[str, ...]:
    given = tuple(names)
    for name in given:
        if name not in settings.CODECS:
            raise ValueError(f"{name!r} is no codec; there are {' and '.join(settings.CODECS)}")
    if "msgspec" not in given:
        raise ValueError("msgspec is always needed; write [msgspec] or [msgspec, dill]")
    return given
