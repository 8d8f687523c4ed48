"""Turns a name, a URL or an object into a backend, and a name into a worker kind.

Selecting loads the plugin of that name and no other; a driver is imported only for what was selected. So a
broken plugin harms nobody who does not ask for it.

Invariant: what a name selects does not depend on what was selected or listed before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from omniq.errors import (
    BackendBroken,
    BackendConflict,
    BackendIncompatible,
    BackendNotFound,
    InvalidOption,
    OmniQError,
    RoleNotOffered,
)
from omniq.execution.executor import Executor
from omniq.models.url import looks_like_url, parse_url, scheme_of
from omniq.plugins.discovery import Discovery, Offer, normalized
from omniq.plugins.listing import IN_CODE, Listed, dotted, row_of, row_of_bad
from omniq.plugins.options import decode, resolve
from omniq.plugins.provider import API, Provider, Role
from omniq.storage.events import BaseEventStorage
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue

__all__ = ("EXTRAS", "Backend", "Registry", "registry")

EXTRAS = {
    "sqlite": "sqlite",
    **dict.fromkeys(("redis", "rediss", "redis+cluster", "rediss+cluster", "redis+unix"), "redis"),
}
"""Which extra of the `omniq` distribution brings a name or URL scheme of a first-party backend."""

LATER = frozenset({"abfs", "file", "gevent", "gs", "nats", "postgres", "postgresql", "process", "s3"})
"""First-party names and schemes that are planned and not part of this version."""

_QUALIFIED = re.compile(r"(?P<distribution>[A-Za-z0-9][A-Za-z0-9._-]*):(?P<rest>[A-Za-z].*)", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STORES: dict[Role, tuple[str, type]] = {
    Role.TASKS: ("tasks", BaseTaskQueue),
    Role.RESULTS: ("results", BaseResultStorage),
    Role.EVENTS: ("events", BaseEventStorage),
}


class Backend(Protocol):
    """One place, not open yet, that makes the stores. A method is there only for a role that is offered."""

    def tasks(self) -> BaseTaskQueue:
        """Make a handle that holds tasks."""

    def results(self) -> BaseResultStorage:
        """Make a handle that holds results."""

    def events(self) -> BaseEventStorage:
        """Make a handle that holds events."""


class Registry:
    """Every backend and worker kind that can be selected here."""

    def __init__(self, discovery: Discovery | None = None) -> None:
        self._discovery = discovery
        self._registered: dict[tuple[Role, str], Offer] = {}

    def register(self, provider: Provider, *roles: Role) -> None:
        """Offer a provider without an installed plugin, for `roles` (default: tasks).

        It stands before an installed one of the same name; a later one of that name replaces it.
        """
        for role in roles or (Role.TASKS,):
            self._registered[role, provider.name] = Offer(role, provider, IN_CODE)

    def backend(self, what: str | object, *, project: str, role: Role = Role.TASKS) -> Backend:
        """Make the backend that a URL or a name selects; an object is taken as it is.

        Nothing is opened. `role` is what it is wanted for. A single store given as an object plays the
        backend of its one role.

        Raises:
            BackendNotFound: nothing installed has this name; the text says what to install.
            RoleNotOffered: it is there, but not for this role.
            BackendConflict: two distributions have the name; write 'distribution:name'.
            BackendBroken, BackendIncompatible: it is installed and cannot be used here.
            InvalidOption: the URL has an option that the backend does not know, or lacks one that it needs.
        """
        if not isinstance(what, str):
            return _given(what, role)
        distribution, text = self._qualified(what)
        url = parse_url(text) if looks_like_url(text) else None
        offer = self._select(role, url.scheme if url else text, distribution)
        options = decode(offer, url)
        make = resolve(offer, offer.provider.factory)
        return cast("Backend", make(options, project=project))

    def worker(self, kind: str) -> Callable[[int], Executor]:
        """Give the factory of a worker kind; it takes the concurrency.

        Raises:
            BackendNotFound, BackendConflict, BackendBroken, BackendIncompatible: as for a backend.
        """
        distribution, name = self._qualified(kind)
        offer = self._select(Role.WORKER, name, distribution)
        return cast("Callable[[int], Executor]", resolve(offer, offer.provider.factory))

    def provider(self, what: str, role: Role = Role.TASKS) -> Provider:
        """Give the record that a URL or a name selects, without importing its driver; raises as `backend`."""
        distribution, text = self._qualified(what)
        return self._select(role, scheme_of(text) or text, distribution).provider

    def listing(self, *, check: bool = False) -> list[Listed]:
        """List all that is installed or registered, sorted by role and name; nothing in it is fatal.

        `check` imports each driver as well, and reports what cannot be imported as broken.
        """
        found = self._found
        found.load_all()
        offers = [*self._registered.values(), *found.offers]
        rows = [row_of(offer, offers, check=check) for offer in offers]
        rows.sort(key=lambda row: (list(Role).index(row.role or Role.WORKER), row.name))
        for broken in found.broken:
            rows.append(row_of_bad(broken.name, broken.source, "broken", broken.why))
        for one in found.shut_out:
            rows.append(row_of_bad(one.name, one.source, "shut out", "OMNIQ_PLUGINS does not name its distribution"))
        return rows

    @property
    def _found(self) -> Discovery:
        if self._discovery is None:
            self._discovery = Discovery.from_environment()
        return self._discovery

    def _qualified(self, text: str) -> tuple[str, str]:
        """Split 'distribution:name' and 'distribution:scheme://...'; the first part is "" where absent."""
        split = _QUALIFIED.fullmatch(text)
        if split is None or split["rest"].startswith("//"):
            return "", text
        head = normalized(split["distribution"])
        return (head, split["rest"]) if head in self._found.distributions() else ("", text)

    def _select(self, role: Role, name: str, distribution: str) -> Offer:
        candidates = self._candidates(role, name, distribution)
        if not candidates:
            raise self._missing(role, name, distribution)
        if len(candidates) > 1:
            raise BackendConflict(role, name, sorted(str(offer.source) for offer in candidates))
        [offer] = candidates
        if not offer.compatible:
            raise BackendIncompatible(role, name, str(offer.source), dotted(offer.provider.api), dotted(API))
        return offer

    def _candidates(self, role: Role, name: str, distribution: str) -> list[Offer]:
        if not distribution:
            registered = [
                offer for offer in self._registered.values() if offer.role is role and _answers(offer.provider, name)
            ]
            if registered:
                return registered[-1:]
        found = self._found
        found.load(name)
        # By name first: a name is declared at the entry point, so no other plugin need be loaded for it.
        for matches in (_is_named, _answers):
            offers = [
                offer
                for offer in found.offers
                if offer.role is role
                and matches(offer.provider, name)
                and distribution in ("", normalized(offer.source.distribution))
            ]
            if offers or any(one.name == name for one in found.broken):
                return offers
            found.load_all()
        return []

    def _missing(self, role: Role, name: str, distribution: str) -> OmniQError:
        """Explain why nothing was selected."""
        found = self._found
        for broken in found.broken:
            if broken.name == name and distribution in ("", normalized(broken.source.distribution)):
                return BackendBroken(role, name, str(broken.source), broken.why)
        offers = [*self._registered.values(), *found.offers]
        elsewhere = [offer.role.value for offer in offers if _answers(offer.provider, name)]
        if elsewhere and not distribution:
            return RoleNotOffered(role, name, tuple(dict.fromkeys(elsewhere)))
        found.load_all()
        offers = [offer for offer in (*self._registered.values(), *found.offers) if offer.role is role]
        return BackendNotFound(role, name, tuple(_hints(name, offers, found)))


def _hints(name: str, offers: Iterable[Offer], found: Discovery) -> Iterable[str]:
    known = {offer.provider.name: str(offer.source) for offer in offers}
    words = dict.fromkeys((*known, *(scheme for offer in offers for scheme in offer.provider.schemes)))
    meant = name
    if name not in LATER and (close := difflib.get_close_matches(name, [*words, *EXTRAS, *LATER], n=1)):
        meant = close[0]
        if meant != name:
            yield f"did you mean {meant!r}?"
    elif not _BARE.fullmatch(name):
        yield f"for a file write 'sqlite:///{name}'"
    yield "installed: " + (", ".join(f"{one} ({source})" for one, source in sorted(known.items())) or "none")
    if meant in EXTRAS and meant not in known:
        yield f'to install it, from a checkout or wheels of the same version: pip install "omniq[{EXTRAS[meant]}]"'
    if meant in LATER:
        yield f"{meant!r} is planned and not part of this version"
    for broken in found.broken:
        yield f"not loaded: {broken.source}, entry point {broken.name!r}: {broken.why}"
    for one in found.shut_out:
        yield f"shut out by OMNIQ_PLUGINS: {one.source}, entry point {one.name!r}"


def _is_named(provider: Provider, name: str) -> bool:
    return provider.name == name


def _answers(provider: Provider, name: str) -> bool:
    return provider.name == name or name in provider.schemes


class _Given:
    """One store that was handed over as an object, in the shape of a backend."""

    def __init__(self, store: object) -> None:
        self._store = store

    def tasks(self) -> BaseTaskQueue:
        if isinstance(self._store, BaseTaskQueue):
            return self._store
        raise self._lacks(Role.TASKS)

    def results(self) -> BaseResultStorage:
        if isinstance(self._store, BaseResultStorage):
            return self._store
        raise self._lacks(Role.RESULTS)

    def events(self) -> BaseEventStorage:
        if isinstance(self._store, BaseEventStorage):
            return self._store
        raise self._lacks(Role.EVENTS)

    def _lacks(self, role: Role) -> RoleNotOffered:
        has = [kept.value for kept, (_, base) in _STORES.items() if isinstance(self._store, base)]
        return RoleNotOffered(role, type(self._store).__name__, has)


def _given(what: object, role: Role) -> Backend:
    if isinstance(what, tuple(base for _, base in _STORES.values())):
        given = _Given(what)
        getattr(given, _STORES[role][0])()  # refuses a wrong role now, not at the first call
        return given
    has = [kept.value for kept, (maker, _) in _STORES.items() if callable(getattr(what, maker, None))]
    if not has or isinstance(what, type):
        raise InvalidOption("backend", f"{type(what).__name__} is no URL, no name, no backend and no store")
    if role.value not in has:
        raise RoleNotOffered(role, type(what).__name__, has)
    return cast("Backend", what)


registry = Registry()
"""The one of this process; reads what is installed at its first use."""
