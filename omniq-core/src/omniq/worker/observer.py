"""What a worker tells whoever listens: the app turns it into events and calls users' hooks.

Calls come on the worker's loop, between two steps of it: they must neither block nor raise. A worker without
an observer pays one comparison with None.
"""

from __future__ import annotations

from typing import Any, Protocol

from omniq.execution.context import Context
from omniq.models.states import State
from omniq.storage.records import ClaimedTask, Settlement

__all__ = ("Observer",)


class Observer(Protocol):
    """The moments of a worker's life that others want to know of."""

    def started(self, context: Context[Any]) -> None:
        """An attempt begins; its body has not been called."""

    def settled(self, task: ClaimedTask, settlement: Settlement | None, became: State | None, seconds: float) -> None:
        """The store answered. `became` and the settlement are None where the attempt was lost: nothing was written."""

    def recovered(self, task: ClaimedTask) -> None:
        """A lease that ran out was taken over; its settlement follows."""

    def swept(self, ended: list[tuple[str, State]]) -> None:
        """Housekeeping ended these tasks."""
