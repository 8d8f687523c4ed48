"""The plugin is light, and what it names is there."""

import subprocess
import sys
from importlib import import_module

import omniq_sqlite
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
