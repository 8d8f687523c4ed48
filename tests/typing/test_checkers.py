"""Both checkers, strict: right uses pass, and of the wrong ones each marked line is flagged, and no other."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(path for path in HERE.glob("*_*sync.py"))


def marked() -> set[tuple[str, int]]:
    return {
        (path.name, number)
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# wrong")
    }


def by_mypy() -> set[tuple[str, int]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *map(str, FILES)]
    output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout
    return {(Path(file).name, int(line)) for file, line in re.findall(r"^(\S+?):(\d+): error", output, re.M)}


def by_pyright() -> set[tuple[str, int]]:
    config = str(HERE / "pyrightconfig.json")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", config]
    output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout
    report = json.loads(output[output.index("{") :])
    assert report["summary"]["filesAnalyzed"] == len(FILES)
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("check", [by_mypy, by_pyright])
def test_a_checker_flags_the_wrong_lines_and_no_other(check):
    assert check() == marked()
