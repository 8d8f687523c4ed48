"""The plugin is light, and what it names is there."""

import subprocess
import sys
from importlib import import_module

import pytest

import omniq_sqlite
from omniq.errors import InvalidOption
from omniq.plugins.registry import registry
from omniq_sqlite import plugin


def test_announcing_sqlite_imports_no_driver():
    code = "import sys, omniq_sqlite.plugin; sys.exit('sqlite3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_factory_makes_all_three_roles(tmp_path):
    [provider] = plugin.omniq_queue_providers()
    assert plugin.omniq_result_providers() == plugin.omniq_event_providers() == (provider,)
    options, factory = (
        getattr(import_module(module), name)
        for module, name in (one.split(":") for one in (provider.options, provider.factory))
    )

    backend = factory(options(path=str(tmp_path / "jobs.db")), project="shop")

    assert isinstance(backend.tasks(), omniq_sqlite.SQLiteTaskQueue)
    assert isinstance(backend.results(), omniq_sqlite.SQLiteResultStorage)
    assert isinstance(backend.events(), omniq_sqlite.SQLiteEventStorage)
    assert list(tmp_path.iterdir()) == []  # making a handle touches nothing


@pytest.mark.parametrize("word", ["full", "Full", "FULL"])
def test_a_word_of_a_closed_set_is_taken_in_any_case(word):
    assert registry.backend(f"sqlite:///jobs.db?synchronous={word}", project="default").options.synchronous == "FULL"


def test_a_wrong_word_is_told_the_right_ones():
    with pytest.raises(InvalidOption, match="'OFF' is not allowed; use one of NORMAL, FULL"):
        registry.backend("sqlite:///jobs.db?synchronous=OFF", project="default")
