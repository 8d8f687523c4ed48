"""A fault to plant into the workers of a run, by CHAOS_PLANT: the judge must see it."""

from __future__ import annotations

from typing import Any

__all__ = ("take_the_fence_from_sqlite",)

FENCE = "and task.claim = v.claim and task.attempt = v.attempt "


def take_the_fence_from_sqlite() -> None:
    """Let the fast path of settle write for whoever asks, as long as the task is running."""
    from omniq_sqlite.session import Session
    from omniq_sqlite.tasks import settle

    real = Session.change

    def unfenced(self: Session, statement: str, values: Any = ()) -> int:
        return real(self, statement.replace(FENCE, ""), values)

    if FENCE not in (settle.__loader__.get_source(settle.__name__) or ""):
        raise RuntimeError(f"settle has no {FENCE!r} any more: plant the fault where the fence is now")
    Session.change = unfenced
