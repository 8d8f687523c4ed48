"""The ground under every case: a fresh place, a virtual clock, and cases gated by declared features.

A backend's test module subclasses one conformance class and overrides one fixture, `factory`. It gives a
callable that takes a project's name and answers a handle, not yet open, to the one place of this test; two
names are two projects in that place. A case asks for `store`, `clock` and `factory` and for nothing else,
so the cases run without pytest too (`run_cases`), which is how the kit's own teeth are shown.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias, TypeVar

import pytest

from omniq.storage.base import BaseStore, Feature
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.guard import Guarded

__all__ = ("PROJECT", "Factory", "Ground", "requires", "run_cases")

S = TypeVar("S", bound=BaseStore)
F = TypeVar("F", bound=Callable[..., Any])
Factory: TypeAlias = Callable[[str], S]

PROJECT = "kit"


def requires(feature: Feature) -> Callable[[F], F]:
    """Run this case only where the store declares the feature."""

    def mark(case: F) -> F:
        case.__dict__["wants"] = feature
        return case

    return mark


def unfit(case: Callable[..., Any], store: BaseStore) -> str | None:
    """Say why a case asks nothing of this store; None where it does."""
    has = store.capabilities.features
    wants: Feature = getattr(case, "wants", Feature.NONE)
    if wants & ~has:
        return f"the store declares not to have {(wants & ~has).name}"
    return None


class Ground(Guarded):
    """Fixtures of every store's conformance class."""

    kept = frozenset({"clock", "store"})

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        """Override: a callable from a project's name to a handle, not yet open, in this test's own place."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `factory`; see QueueConformance")

    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    async def store(
        self, factory: Factory[Any], clock: VirtualClock, request: pytest.FixtureRequest
    ) -> AsyncIterator[Any]:
        store = factory(PROJECT)
        if reason := unfit(request.function, store):
            pytest.skip(reason)
        store.clock = clock
        async with store:
            yield store


async def run_cases(
    cases: type[Ground], place: Callable[[], Factory[Any]], only: Callable[[str], bool] = lambda _: True
) -> dict[str, BaseException | None]:
    """Run a conformance class without pytest, each case in a fresh place; give what each one raised."""
    outcome: dict[str, BaseException | None] = {}
    for name in sorted(name for name in dir(cases) if name.startswith("test_") and only(name)):
        case = getattr(cases(), name)
        factory = place()
        store = factory(PROJECT)
        if unfit(case, store):
            continue
        store.clock = clock = VirtualClock()
        ground = {"store": store, "clock": clock, "factory": factory}
        given = {one: ground[one] for one in inspect.signature(case).parameters}
        try:
            async with store:
                answer = case(**given)
                if inspect.isawaitable(answer):
                    await answer
        except (Exception, pytest.fail.Exception) as error:
            outcome[name] = error
        else:
            outcome[name] = None
    return outcome
