"""Both checkers, in strict mode, agree with the marks: right uses pass, every wrong line is an error."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = [str(path) for path in sorted(ROOT.glob("omniq-*/src"))]
FILES = sorted(path.name for path in HERE.glob("*.py") if path.name.startswith(("right_", "wrong_")))
MARK = re.compile(r"# wrong$")


def marked(name: str) -> set[int]:
    return {number for number, line in enumerate((HERE / name).read_text().splitlines(), 1) if MARK.search(line)}


def mypy(folder: Path) -> dict[str, set[int]]:
    """Lines with errors, by file."""
    command = [
        sys.executable, "-m", "mypy", "--strict", "--python-version=3.11", "--config-file=", "--no-error-summary",
        "--follow-imports=silent", f"--cache-dir={folder}", *FILES,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=HERE, env=_path(), capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr == ""
    found: dict[str, set[int]] = {}
    for name, line in re.findall(r"^(\w+\.py):(\d+): error:", done.stdout, re.M):
        found.setdefault(name, set()).add(int(line))
    return found


def pyright(folder: Path) -> dict[str, set[int]]:
    """Lines with errors, by file."""
    for name in FILES:
        shutil.copy(HERE / name, folder)  # `include` takes relative paths only
    config = folder / "pyrightconfig.json"
    config.write_text(
        json.dumps(
            {
                "include": FILES,
                "extraPaths": SOURCES,
                "typeCheckingMode": "strict",
                "pythonVersion": "3.11",
                "reportUnusedExpression": False,  # a wrong line stands alone
            }
        )
    )
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(config)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(FILES)
    found: dict[str, set[int]] = {}
    for one in report["generalDiagnostics"]:
        if one["severity"] == "error":
            found.setdefault(Path(one["file"]).name, set()).add(one["range"]["start"]["line"] + 1)
    return found


def _path() -> dict[str, str]:
    return {**os.environ, "MYPYPATH": os.pathsep.join(SOURCES)}


@pytest.fixture(scope="module", params=[mypy, pyright], ids=["mypy", "pyright"])
def errors(request, tmp_path_factory):
    pytest.importorskip(request.param.__name__)
    return request.param(tmp_path_factory.mktemp("checker"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FILES)
def test_the_errors_are_where_the_marks_are(errors, name):
    assert errors.get(name, set()) == marked(name)


def test_there_is_something_to_check():
    assert {name.partition("_")[0] for name in FILES} == {"right", "wrong"}
    assert all(bool(marked(name)) == name.startswith("wrong") for name in FILES)
