"""Checks `plugins.required`: a distribution that is missing or too old is told at the start, not at midnight."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable

from omniq.errors import ConfigError

__all__ = ("check_required",)

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<bounds>[<>=!].*)?")
_BOUND = re.compile(r"\s*(?P<sign><=|>=|==|!=|<|>)\s*(?P<version>\d+(?:\.\d+)*)\s*")
_SIGNS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


def check_required(requirements: Iterable[str], origin: str) -> None:
    """Refuse to go on without these distributions; bounds compare the numbers of a release.

    Raises:
        ConfigError: one is missing, has another version, or is written in another way.
    """
    for text in requirements:
        parts = _REQUIREMENT.fullmatch(text.strip())
        bounds = [_BOUND.fullmatch(one) for one in (parts["bounds"] or "").split(",") if one.strip()] if parts else []
        if parts is None or None in bounds:
            raise ConfigError(f"{origin}: {text!r} is no requirement; write for example 'omniq-sqlite>=0.1'")
        version = _installed(parts["name"])
        if version is None:
            raise ConfigError(f"{origin}: {text} is not installed; install it, or remove the line")
        for bound in bounds:
            if bound is not None and not _SIGNS[bound["sign"]](*_level(version, bound["version"])):
                raise ConfigError(f"{origin}: {text} is wanted, {parts['name']} {version} is installed")


def _installed(name: str) -> str | None:
    import importlib_metadata  # only who asks for it pays

    try:
        return importlib_metadata.version(name)
    except importlib_metadata.PackageNotFoundError:
        return None


def _level(*versions: str) -> list[tuple[int, ...]]:
    """Give the leading numbers of versions, filled up to one length: 0.1 is 0.1.0."""
    numbers = [[int(one) for one in re.findall(r"\d+", re.match(r"[\d.]*", text)[0])] for text in versions]  # type: ignore[index]  # matches always
    longest = max(map(len, numbers))
    return [tuple(one + [0] * (longest - len(one))) for one in numbers]
