"""The table of options has every option there is, and no other."""

import re
from pathlib import Path

from omniq.client.options import DeclareOptions, TaskOptions

TASKS = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text()


def test_every_option_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \|", TASKS, re.MULTILINE)

    assert sorted(rows) == sorted({*TaskOptions.__annotations__, *DeclareOptions.__annotations__})
