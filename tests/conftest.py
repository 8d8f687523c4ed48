"""Servers that the suite shares: one a session, started by the first test that asks, stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Any]:
    """A Redis server; a test keeps to a project of its own."""
    from tests.redis.server import running

    with running() as server:
        yield server
