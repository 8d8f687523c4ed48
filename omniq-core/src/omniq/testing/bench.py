"""One backend as the proofs take it: a name, and a way to a fresh place.

A backend's conformance test declares its bench once. Planted faults, the state machine, crashes in processes
and chaos then run on it by the same code as on every other one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec

from omniq.plugins.provider import Role
from omniq.plugins.registry import registry
from omniq.testing.kit.ground import Factory

__all__ = ("Bench",)

_MAKER = {Role.TASKS: "tasks", Role.RESULTS: "results", Role.EVENTS: "events"}


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """How to put one backend on trial.

    `url` makes a fresh, empty place, hangs what must be taken down onto the stack, and names it. `examples`
    and `steps` say how long the state machine walks on it.
    """

    name: str
    url: Callable[[ExitStack], str]
    roles: frozenset[Role] = frozenset({Role.TASKS})
    examples: int = 200
    steps: int = 60

    def factory(self, stack: ExitStack, role: Role = Role.TASKS) -> Factory[Any]:
        """Make one fresh place; give what a conformance class asks of its fixture `factory`."""
        url = self.url(stack)

        def make(project: str) -> Any:
            return getattr(registry.backend(url, project=project, role=role), _MAKER[role])()

        return make

    def __str__(self) -> str:
        return self.name
