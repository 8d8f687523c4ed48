"""The public test kit: `pytest_plugins = ["omniq.testing"]` in a conftest, then subclass a conformance class.

As a plugin it does two things: the asserts of the kit explain themselves as those of a test module do, and a case
of the kit that was marked as skipped or expected to fail ends the run. What
needs pytest or Hypothesis is imported when it is asked for, so an application may use the clock without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from omniq.testing.clock import VirtualClock

if TYPE_CHECKING:
    from omniq.testing.faults import FaultyEventStorage, FaultyResultStorage, FaultyStore
    from omniq.testing.kit import (
        CrashConformance,
        EventConformance,
        ExecutorConformance,
        NetworkConformance,
        QueueConformance,
        ResultConformance,
    )

__all__ = (
    "CrashConformance",
    "EventConformance",
    "ExecutorConformance",
    "FaultyEventStorage",
    "FaultyResultStorage",
    "FaultyStore",
    "NetworkConformance",
    "QueueConformance",
    "ResultConformance",
    "VirtualClock",
)

_HOME = {
    "CrashConformance": "omniq.testing.kit",
    "EventConformance": "omniq.testing.kit",
    "ExecutorConformance": "omniq.testing.kit",
    "FaultyEventStorage": "omniq.testing.faults",
    "FaultyResultStorage": "omniq.testing.faults",
    "FaultyStore": "omniq.testing.faults",
    "NetworkConformance": "omniq.testing.kit",
    "QueueConformance": "omniq.testing.kit",
    "ResultConformance": "omniq.testing.kit",
}


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Look for kit cases that somebody silenced."""
    if any("omniq.testing.kit" in getattr(getattr(item, "function", None), "__module__", "") for item in items):
        importlib.import_module("omniq.testing.kit.guard").refuse_skips(items)


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(home), name)
