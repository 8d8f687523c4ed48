"""Every backend of this project on trial; a new one adds its bench here and is met by all proofs."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack

from omniq.plugins.provider import Role
from omniq.testing.bench import Bench

__all__ = ("BENCHES", "MEMORY", "SQLITE")


def _file(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="omniq-bench-", ignore_cleanup_errors=True))
    return f"sqlite:///{folder}/jobs.db"


STORES = frozenset({Role.TASKS, Role.RESULTS, Role.EVENTS})

MEMORY = Bench(name="memory", url=lambda stack: "memory://", roles=STORES)
SQLITE = Bench(name="sqlite", url=_file, roles=STORES)

BENCHES = (MEMORY, SQLITE)
