"""Every backend of this project on trial; a new one adds its bench here and is met by all proofs."""

from __future__ import annotations

import atexit
import tempfile
from contextlib import ExitStack
from functools import cache

from tests.redis.cluster import ask
from tests.redis.server import Server, running

from omniq.plugins.provider import Role
from omniq.testing.bench import Bench

__all__ = ("BENCHES", "MEMORY", "REDIS", "SQLITE")


def _file(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="omniq-bench-", ignore_cleanup_errors=True))
    return f"sqlite:///{folder}/jobs.db"


@cache
def _server() -> Server:
    """Start one server for all places on it; it ends with this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(running())


def _redis(stack: ExitStack) -> str:
    ask(_server(), "FLUSHALL")
    return _server().url


STORES = frozenset({Role.TASKS, Role.RESULTS, Role.EVENTS})

MEMORY = Bench(name="memory", url=lambda stack: "memory://", roles=STORES)
SQLITE = Bench(name="sqlite", url=_file, roles=STORES)

REDIS = Bench(name="redis", url=_redis, roles=frozenset({Role.TASKS, Role.RESULTS}), examples=100, steps=40)

BENCHES = (MEMORY, SQLITE, REDIS)
