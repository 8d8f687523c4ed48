from __future__ import annotations

import subprocess
import sys

import pluggy
import pytest

from omniq.builtin import plugin
from omniq.errors import InvalidOption
from omniq.plugins import specs
from omniq.plugins.registry import registry


def test_the_built_in_plugin_announces_memory_and_two_kinds() -> None:
    manager = pluggy.PluginManager("omniq")
    manager.add_hookspecs(specs)
    manager.register(plugin)
    manager.check_pending()

    def names(hook: str) -> list[str]:
        return [provider.name for found in getattr(manager.hook, hook)() for provider in found]

    assert names("omniq_queue_providers") == ["memory"]
    assert names("omniq_result_providers") == ["memory"]
    assert names("omniq_event_providers") == ["memory"]
    assert names("omniq_worker_providers") == ["async", "thread"]


def test_announcing_loads_no_implementation() -> None:
    script = "import sys, omniq.builtin.plugin; print([m for m in sys.modules if 'omniq.builtin.' in m])"

    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "['omniq.builtin.plugin']"


def test_a_host_of_memory_is_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidOption, match="memory://foo names a host, and memory has none; write 'memory://'"):
        registry.backend("memory://foo", project="default")
