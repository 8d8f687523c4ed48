from __future__ import annotations

import pytest

from omniq.config.resolve import resolve
from omniq.plugins.discovery import Discovery
from omniq.plugins.provider import Provider, Role
from omniq.plugins.registry import Registry


@pytest.fixture
def plugins() -> Registry:
    """Backends and kinds that are offered, and have no driver."""
    plugins = Registry(Discovery([]))
    for name, schemes in (("redis", ("redis", "rediss")), ("postgres", ("postgresql",)), ("sqlite", ("sqlite",))):
        plugins.register(Provider(name=name, factory="no:driver", schemes=schemes), Role.TASKS, Role.RESULTS)
    for kind in ("async", "thread"):
        plugins.register(Provider(name=kind, factory="no:kind"), Role.WORKER)
    return plugins


@pytest.fixture
def decide(tmp_path, plugins):
    """Resolve with a given environment (names without the prefix), in an empty folder."""

    def decide(environ=None, **given):
        variables = {f"OMNIQ_{key}": value for key, value in (environ or {}).items()}
        return resolve(environ=variables, folder=tmp_path, plugins=plugins, **given)

    return decide
