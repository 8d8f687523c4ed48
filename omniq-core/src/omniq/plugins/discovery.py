"""Finds installed plugins by entry point and asks each, apart from all others, what it offers.

pluggy's own loader imports everything and lets one broken plugin end the program. Here a plugin is imported
when one of its names is selected or when somebody asks for the list, and what goes wrong in it is recorded
with its distribution and version.

Invariant: nothing that a plugin does at import or in a hook leaves this module as an exception.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import msgspec
import pluggy

from omniq.plugins import specs
from omniq.plugins.provider import API, Provider, Role

__all__ = ("CORE", "Announced", "Broken", "Discovery", "Offer", "Source", "installed", "normalized")

CORE = "omniq-core"
"""The built-ins live in this distribution; an allow-list never shuts them out."""

_HOOKS = {
    Role.TASKS: "omniq_queue_providers",
    Role.RESULTS: "omniq_result_providers",
    Role.EVENTS: "omniq_event_providers",
    Role.WORKER: "omniq_worker_providers",
}


class Source(msgspec.Struct, frozen=True):
    """Who brought something."""

    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


class Announced(msgspec.Struct, frozen=True):
    """One entry point of the group, not loaded: a provider's name and the light module behind it."""

    source: Source
    name: str
    module: str


class Offer(msgspec.Struct, frozen=True):
    """One provider for one role, and who brought it."""

    role: Role
    provider: Provider
    source: Source

    @property
    def compatible(self) -> bool:
        """Say whether this core offers the contract that the provider was written for."""
        major, minor = self.provider.api
        return major == API[0] and minor <= API[1]


class Broken(msgspec.Struct, frozen=True):
    """An entry point that could not be used, and why."""

    source: Source
    name: str
    why: str


class Discovery:
    """What is installed, read once, and each plugin's module loaded at most once."""

    def __init__(self, announced: Iterable[Announced], *, allowed: Iterable[str] | None = None) -> None:
        """`allowed` names the distributions that may be loaded; None lets all."""
        names = None if allowed is None else {normalized(name) for name in allowed} | {CORE}
        self.announced: tuple[Announced, ...] = ()
        self.shut_out: tuple[Announced, ...] = ()
        for one in announced:
            if names is None or normalized(one.source.distribution) in names:
                self.announced += (one,)
            else:
                self.shut_out += (one,)
        self.offers: list[Offer] = []
        self.broken: list[Broken] = []
        self._loaded: set[tuple[str, str]] = set()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Discovery:
        """Read what is installed; `OMNIQ_PLUGINS` is the allow-list, distributions with commas between."""
        allowed = environ.get("OMNIQ_PLUGINS")
        return cls(installed(), allowed=None if allowed is None else re.findall(r"[^\s,]+", allowed))

    def load(self, name: str) -> None:
        """Load every plugin that has an entry point of this name."""
        for one in self.announced:
            if one.name == name:
                self._load(one)

    def load_all(self) -> None:
        """Load every plugin."""
        for one in self.announced:
            self._load(one)

    def distributions(self) -> set[str]:
        """Name the distributions that announce anything, normalized."""
        return {normalized(one.source.distribution) for one in self.announced}

    def _load(self, one: Announced) -> None:
        key = (one.source.distribution, one.module)
        if key in self._loaded:
            return
        self._loaded.add(key)
        names = [other.name for other in self.announced if (other.source.distribution, other.module) == key]
        try:
            found = list(_ask(one))
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {error}"
            self.broken.extend(Broken(one.source, name, why) for name in names)
            return
        for offer in found:
            # Otherwise what a name means would depend on which plugins happen to be loaded already.
            if offer.provider.name in names:
                self.offers.append(offer)
            else:
                why = f"it offers {offer.provider.name!r}, but has no entry point of that name"
                self.broken.append(Broken(one.source, one.name, why))


def installed() -> Iterator[Announced]:
    """Read the entry points of the group, sorted by name, without importing anything of theirs."""
    import importlib_metadata  # reading metadata costs more than the rest of omniq: only when asked for

    points = importlib_metadata.entry_points(group=specs.GROUP)
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        if point.dist is not None:
            yield Announced(Source(point.dist.name, point.dist.version), point.name, point.value)


def normalized(distribution: str) -> str:
    """Give a distribution's name in the form that compares (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _ask(one: Announced) -> Iterator[Offer]:
    # A manager for each plugin: a bad signature or an unknown hook in one cannot be seen by another.
    manager = pluggy.PluginManager(specs.GROUP)
    manager.add_hookspecs(specs)
    module = import_module(one.module)
    manager.register(module)
    manager.check_pending()
    for role, hook in _HOOKS.items():
        answers: list[Any] = getattr(manager.hook, hook)()
        for provider in (provider for answer in answers for provider in answer):
            if not isinstance(provider, Provider):
                raise TypeError(f"{hook} gave {type(provider).__name__} where a Provider belongs")
            yield Offer(role, provider, one.source)
