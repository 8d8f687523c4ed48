"""The sync face: generated from the async classes, driven by `driver`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniq.app import AsyncOmniQ
    from omniq.sync._generated import OmniQ

__all__ = ("face_of",)


def face_of(aio: AsyncOmniQ[Any]) -> OmniQ[Any]:
    """Give the sync face of an app."""
    from omniq.sync._generated import OmniQ

    return OmniQ._of(aio)
