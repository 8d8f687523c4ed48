"""The app of the worker process that is measured; the backend comes from the environment."""

from __future__ import annotations

import time

from omniq import AsyncOmniQ

__all__ = ("clock", "oq")

oq = AsyncOmniQ()


@oq.task
async def clock() -> float:
    """Give the time that all processes of this host share."""
    return time.monotonic()
