"""Finds plugins by entry point, one at a time, so that a broken one harms only who asks for it.

pluggy's own loader imports everything and lets the first error end the program. Here every step of one plugin
(import, registration, each hook) has its own guard, and what went wrong is kept beside its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec
import pluggy

from omniq.plugins import specs
from omniq.plugins.provider import API, Provider, Role

__all__ = ("Discovery", "Found")

_HOOKS = {
    Role.TASKS: "omniq_queue_providers",
    Role.RESULTS: "omniq_result_providers",
    Role.EVENTS: "omniq_event_providers",
    Role.WORKER: "omniq_worker_providers",
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One provider or one failure, with where it comes from."""

    name: str
    distribution: str
    version: str
    role: Role | None = None
    provider: Provider | None = None
    broken: str = ""

    @property
    def source(self) -> str:
        return f"{self.distribution} {self.version}".strip()

    @property
    def compatible(self) -> bool:
        if self.provider is None:
            return True
        major, minor = self.provider.api
        return major == API[0] and minor <= API[1]


class Discovery:
    """The installed entry points of the group `omniq`, read once; modules are imported on demand."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, str], list[Found]] = {}

    @cached_property
    def points(self) -> list[tuple[str, str, str, str]]:
        """(entry point, module, distribution, version), those that OMNIQ_PLUGINS allows, sorted."""
        from importlib_metadata import entry_points

        allowed = os.environ.get("OMNIQ_PLUGINS")
        names = None if allowed is None else {one.strip() for one in allowed.split(",")} | {"omniq-core"}
        found = set()
        for point in entry_points(group=specs.GROUP):
            distribution = point.dist.name if point.dist else "unknown"
            version = point.dist.version if point.dist else ""
            if names is None or distribution in names:
                found.add((point.name, point.value, distribution, version))
        return sorted(found)

    def named(self, name: str) -> list[Found]:
        """Load the plugins whose entry point has this name; imports nothing else."""
        return [one for point in self.points if point[0] == name for one in self._load(*point)]

    def everything(self) -> list[Found]:
        """Load all plugins; what is broken is listed so.

        One module may stand behind several entry points: what it offers is listed once.
        """
        return list(dict.fromkeys(one for point in self.points for one in self._load(*point)))

    def _load(self, name: str, module: str, distribution: str, version: str) -> list[Found]:
        key = (module, distribution)
        if key not in self._loaded:
            self._loaded[key] = list(_announced(name, module, distribution, version))
        return self._loaded[key]


def _announced(name: str, module: str, distribution: str, version: str) -> Iterable[Found]:
    manager = pluggy.PluginManager("omniq")
    manager.add_hookspecs(specs)
    try:
        import importlib

        plugin = importlib.import_module(module)
        manager.register(plugin, name=module)
        manager.check_pending()
    except Exception as why:  # a stranger's module may raise anything
        yield Found(name=name, distribution=distribution, version=version, broken=_said(why))
        return
    for role, hook in _HOOKS.items():
        try:
            answers: list[Any] = getattr(manager.hook, hook)()
            providers = [provider for answer in answers for provider in answer]
        except Exception as why:
            yield Found(name=name, distribution=distribution, version=version, role=role, broken=_said(why))
            continue
        for provider in providers:
            if not isinstance(provider, Provider):
                broken = f"{hook} gave a {type(provider).__name__}, not a Provider"
                yield Found(name=name, distribution=distribution, version=version, role=role, broken=broken)
                continue
            yield Found(name=provider.name, distribution=distribution, version=version, role=role, provider=provider)


def _said(why: BaseException) -> str:
    return f"{type(why).__name__}: {why}".splitlines()[0]
