"""The no-op task that is measured; the backend comes from the environment."""

from __future__ import annotations

from omniq import AsyncOmniQ

__all__ = ("nothing", "oq")

oq = AsyncOmniQ()


@oq.task
async def nothing(number: int) -> int:
    """Give the argument back."""
    return number
