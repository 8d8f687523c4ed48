"""The README's first script prints what the README says, and its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_first_script_prints_what_stands_below_it(tmp_path):
    script = re.search(r"```python\n# app\.py\n(.*?)```", README, re.DOTALL)
    shown = re.search(r"```console\n\$ python app\.py\n(.*?)```", README, re.DOTALL)
    assert script is not None
    assert shown is not None
    (tmp_path / "app.py").write_text(script[1])

    run = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert (run.stdout, run.stderr, run.returncode) == (shown[1], "", 0)


def test_every_relative_link_leads_to_a_file():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)

    assert [link for link in links if not (ROOT / link).exists()] == []
