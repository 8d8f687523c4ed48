"""The light records that a plugin announces. Making one imports no driver."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ("API", "Provider", "Role")

API = (1, 0)
"""The version of the contract that this core offers: a new minor adds with defaults, a major removes."""


class Role(StrEnum):
    """What a provider is for."""

    TASKS = "task queue"
    RESULTS = "result storage"
    EVENTS = "event storage"
    WORKER = "worker kind"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One name for one role. `factory` and `options` are "module:attribute", resolved only when chosen.

    A store's factory is called as `factory(options, project=...)` with the decoded options struct, a worker
    kind's as `factory(concurrency)`. `options` names a msgspec struct; `url` options are its fields by name,
    with the path of the URL in a field `path` and host, port, user and so on where it has them.
    """

    name: str
    factory: str
    options: str = ""
    schemes: tuple[str, ...] = ()
    api: tuple[int, int] = API
    summary: str = ""
