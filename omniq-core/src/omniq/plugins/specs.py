"""The four hooks by which a plugin announces what it offers: declarative, synchronous, without arguments.

pluggy lets a later version add arguments without breaking a plugin that does not take them.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from omniq.plugins.provider import Provider

__all__ = ("GROUP", "hookimpl", "hookspec")

GROUP = "omniq"
"""The entry-point group: the entry point's name is the provider's, its value the light module."""

hookspec = pluggy.HookspecMarker("omniq")
hookimpl = pluggy.HookimplMarker("omniq")


@hookspec
def omniq_queue_providers() -> Iterable[Provider]:  # type: ignore[empty-body]
    """Announce places that can hold tasks."""


@hookspec
def omniq_result_providers() -> Iterable[Provider]:  # type: ignore[empty-body]
    """Announce places that can hold results."""


@hookspec
def omniq_event_providers() -> Iterable[Provider]:  # type: ignore[empty-body]
    """Announce places that can hold events."""


@hookspec
def omniq_worker_providers() -> Iterable[Provider]:  # type: ignore[empty-body]
    """Announce ways to run a task's function."""
