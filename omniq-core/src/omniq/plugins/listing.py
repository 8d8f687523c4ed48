"""The list of plugins: everything installed or registered, in whatever state, one row each.

Invariant: making the list never fails and never imports a driver, unless `check` asks for the import.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from omniq.errors import BackendBroken
from omniq.plugins.discovery import Offer, Source
from omniq.plugins.options import resolve
from omniq.plugins.provider import API, Role

__all__ = ("IN_CODE", "Listed", "dotted", "row_of", "row_of_bad")

IN_CODE = Source("registered in code", "")
"""Who brought what `register` was given."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list of plugins; `role` is None for what could not be loaded."""

    name: str
    role: Role | None
    state: str
    """ok, incompatible, conflict, broken, or shut out (by OMNIQ_PLUGINS)"""
    distribution: str
    version: str
    schemes: tuple[str, ...] = ()
    summary: str = ""
    why: str = ""


def row_of(offer: Offer, offers: Iterable[Offer], *, check: bool) -> Listed:
    """Describe one offer beside all others; `check` imports its driver."""
    provider = offer.provider
    rivals = [
        other
        for other in offers
        if other is not offer
        and IN_CODE not in (other.source, offer.source)
        and (other.role, other.provider.name) == (offer.role, provider.name)
    ]
    state, why = "ok", ""
    if not offer.compatible:
        state, why = "incompatible", f"needs contract {dotted(provider.api)}, not {dotted(API)}"
    elif rivals:
        state, why = "conflict", f"select it as '{offer.source.distribution}:{provider.name}'"
    elif check:
        try:
            for place in filter(None, (provider.factory, provider.options)):
                resolve(offer, place)
        except BackendBroken as error:
            state, why = "broken", error.why
    return Listed(
        name=provider.name,
        role=offer.role,
        state=state,
        distribution=offer.source.distribution,
        version=offer.source.version,
        schemes=provider.schemes,
        summary=provider.summary,
        why=why,
    )


def row_of_bad(name: str, source: Source, state: str, why: str) -> Listed:
    """Describe what could not be loaded or was not allowed to be."""
    return Listed(name=name, role=None, state=state, distribution=source.distribution, version=source.version, why=why)


def dotted(api: tuple[int, int]) -> str:
    """Write a version of the contract."""
    return f"{api[0]}.{api[1]}"
