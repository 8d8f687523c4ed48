"""`import omniq` loads what a task definition needs, and no driver, codec or command line."""

import subprocess
import sys

HEAVY = {
    "anyio", "asyncio", "click", "croniter", "dill", "hiredis", "importlib_metadata", "omniq_redis", "omniq_sqlite",
    "redis", "rich", "sqlite3", "yaml",
}  # fmt: skip


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import omniq") & HEAVY == set()


def test_declaring_tasks_on_an_app_loads_no_driver_and_opens_nothing():
    code = "import omniq\noq = omniq.OmniQ('sqlite:///never.db')\n@oq.task\ndef add(a: int) -> int: return a"

    assert loaded_after(code) & (HEAVY - {"anyio", "asyncio"}) == set()


def test_listing_plugins_loads_no_driver():
    code = "from omniq.plugins.registry import registry\nassert registry.listing()"

    assert loaded_after(code) & {"sqlite3", "dill", "yaml", "click"} == set()


def test_the_parser_of_the_file_is_loaded_only_where_there_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = (
        "import omniq\nomniq.OmniQ('memory://').enqueue(abs, 1)\nomniq.OmniQ.from_dict({'backend': 'memory://'}).config"
    )

    without = loaded_after(code)
    (tmp_path / "omniq.yaml").write_text("project_name: shop\n")

    assert "yaml" not in without
    assert "yaml" in loaded_after(code)
