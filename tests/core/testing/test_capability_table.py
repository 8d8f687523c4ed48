"""The table of backends in the docs is what the installed ones declare."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "omniq-core" / "scripts" / "capability_table.py"


def test_the_table_is_up_to_date():
    spec = importlib.util.spec_from_file_location("capability_table", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    assert script.generate() == script.TARGET.read_text(), f"run python {SCRIPT.name}"
