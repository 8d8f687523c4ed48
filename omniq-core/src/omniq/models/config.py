"""Settings as data, read from code, environment or file by the configuration."""

from __future__ import annotations

import os
import secrets
import socket

import msgspec

from omniq.models.values import SECOND, Micros

__all__ = ("MAX_CONCURRENCY", "MIN_LEASE", "WorkerSettings", "worker_name")

MAX_CONCURRENCY = 1_000_000
MIN_LEASE: Micros = SECOND // 10
"""Renewed every third of it: a shorter one would be lost to any pause of the process."""


def worker_name() -> str:
    """Make a name for this worker that a restarted process never has again: host, pid, a random part."""
    host = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in socket.gethostname())
    return f"{host[:40]}-{os.getpid()}-{secrets.token_hex(3)}"


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker. `lease` is how long a claim lives unrenewed; times in µs.

    No queues means the queue `default`. They are served in the order given.
    """

    kind: str = "async"
    concurrency: int = 10
    queues: tuple[str, ...] = ()
    lease: Micros = 15 * SECOND
    shutdown_grace: Micros = 30 * SECOND
    name: str = msgspec.field(default_factory=worker_name)
