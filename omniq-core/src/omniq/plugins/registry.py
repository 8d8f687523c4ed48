"""Chooses a plugin by name or URL, and says clearly why it cannot."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from typing import Any

from omniq.errors import (
    BackendBroken,
    BackendConflict,
    BackendIncompatible,
    BackendNotFound,
    RoleNotOffered,
)
from omniq.plugins.discovery import Discovery, Found
from omniq.plugins.provider import API, Provider, Role

__all__ = ("Registry", "registry")

OURS = {
    "postgres": "postgres", "postgresql": "postgres", "redis": "redis", "rediss": "redis", "nats": "nats",
    "sqlite": "sqlite", "file": "fsspec", "s3": "s3", "gs": "gcs", "abfs": "azure", "gevent": "gevent",
}  # fmt: skip
"""First-party names and schemes, with the extra that installs each."""


class Registry:
    """What is installed, and what was registered in code."""

    def __init__(self) -> None:
        self._discovery = Discovery()
        self._own: list[Found] = []

    def register(self, provider: Provider, role: Role = Role.TASKS) -> None:
        """Add a provider from code: it is found before any installed one of its name."""
        self._own.append(Found(name=provider.name, distribution="code", version="", role=role, provider=provider))

    def select(self, role: Role, name: str) -> Provider:
        """Give the provider of this name, which may be a URL scheme or `distribution:name`.

        Raises:
            BackendNotFound, BackendConflict, BackendBroken, BackendIncompatible, RoleNotOffered.
        """
        distribution, _, short = name.rpartition(":")
        candidates = [one for one in self._own if _answers(one, short)]
        if not candidates:
            candidates = [one for one in self._discovery.named(short) if one.broken or _answers(one, short)]
        if not candidates:  # a scheme, or a name that is not its entry point's
            candidates = [one for one in self._discovery.everything() if _answers(one, short)]
        if distribution:
            candidates = [one for one in candidates if one.distribution == distribution]
        fitting = [one for one in candidates if one.role is role and one.provider is not None]
        if not fitting:
            self._explain(role, name, candidates)
        if len({one.distribution for one in fitting}) > 1:
            raise BackendConflict(role, short, sorted(one.source for one in fitting))
        chosen = fitting[0]
        assert chosen.provider is not None
        if not chosen.compatible:
            wants = ".".join(map(str, chosen.provider.api))
            raise BackendIncompatible(role, short, chosen.source, wants, ".".join(map(str, API)))
        return chosen.provider

    def load(self, role: Role, provider: Provider, path: str) -> Any:
        """Import "module:attribute" of a chosen provider; only now a driver is loaded.

        Raises:
            BackendBroken: it cannot be imported.
        """
        module, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as why:
            source = next((one.source for one in self.listing() if one.provider == provider), "code")
            raise BackendBroken(role, provider.name, source, f"{type(why).__name__}: {why}") from why

    def worker(self, kind: str) -> Callable[[int], Any]:
        """Give the factory of a worker kind; it takes the concurrency."""
        provider = self.select(Role.WORKER, kind)
        factory: Callable[[int], Any] = self.load(Role.WORKER, provider, provider.factory)
        return factory

    def listing(self) -> list[Found]:
        """Everything that is there, broken and incompatible ones included."""
        return [*self._own, *self._discovery.everything()]

    def _explain(self, role: Role, name: str, candidates: list[Found]) -> None:
        short = name.rpartition(":")[2]
        for one in candidates:
            if one.broken:
                raise BackendBroken(role, name, one.source, one.broken)
        if candidates:
            raise RoleNotOffered(role, name, sorted({str(one.role) for one in candidates if one.role}))
        there = [one for one in self.listing() if one.provider is not None and one.role is role]
        names = sorted({one.name for one in there})
        hints = [f"installed: {', '.join(f'{one.name} ({one.source})' for one in there) or 'none'}"]
        near = difflib.get_close_matches(short, [*names, *OURS], 1)
        if near and near[0] != short:
            hints.insert(0, f"did you mean {near[0]!r}?")
        extra = OURS.get(short) or (OURS.get(near[0]) if near and near[0] not in names else None)
        if extra:
            hints.append(f'install it from a checkout or wheels of the same version: pip install "omniq[{extra}]"')
        hints += [f"not loaded: {one.source}, {one.name}: {one.broken}" for one in self.listing() if one.broken]
        raise BackendNotFound(role, name, hints)


def _answers(found: Found, name: str) -> bool:
    return found.provider is not None and (found.name == name or name in found.provider.schemes)


registry = Registry()
"""The one of this process."""
