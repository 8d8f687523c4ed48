"""Settings of the parts, decoded and checked."""

from __future__ import annotations

import os
import socket

import msgspec

from omniq.models.values import SECOND, Micros, new_id

__all__ = ("WorkerSettings", "worker_name")


def worker_name() -> str:
    """Make a name for a worker that a person recognises and no other one has: host, pid, random."""
    host = "".join(c if c.isalnum() or c in "_-" else "-" for c in socket.gethostname())[:40]
    return f"{host}-{os.getpid()}-{new_id()[-6:]}"


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one worker runs. `queues` in the order in which they are served; times in µs."""

    kind: str = "async"
    concurrency: int = 10
    queues: tuple[str, ...] = ("default",)
    lease: Micros = 15 * SECOND
    shutdown_grace: Micros = 30 * SECOND
    name: str = msgspec.field(default_factory=worker_name)
