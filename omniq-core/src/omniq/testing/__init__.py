"""The public test kit: `pytest_plugins = ["omniq.testing"]` in a conftest, then subclass a conformance class.

As a plugin it does one thing: the asserts of the kit explain themselves as those of a test module do. What
needs pytest or Hypothesis is imported when it is asked for, so an application may use the clock without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from omniq.testing.clock import VirtualClock

if TYPE_CHECKING:
    from omniq.testing.faults import FaultyStore
    from omniq.testing.kit import EventConformance, ExecutorConformance, QueueConformance, ResultConformance

__all__ = (
    "EventConformance",
    "ExecutorConformance",
    "FaultyStore",
    "QueueConformance",
    "ResultConformance",
    "VirtualClock",
)

_HOME = {
    "EventConformance": "omniq.testing.kit",
    "ExecutorConformance": "omniq.testing.kit",
    "FaultyStore": "omniq.testing.faults",
    "QueueConformance": "omniq.testing.kit",
    "ResultConformance": "omniq.testing.kit",
}


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(home), name)
