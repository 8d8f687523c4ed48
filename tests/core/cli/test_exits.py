from __future__ import annotations

import re
from pathlib import Path

import pytest

from omniq import errors
from omniq.cli.exits import Exit, exit_for

TABLE = [
    (errors.ConfigConflict("a", "b"), 2),
    (errors.BackendNotFound("task queue", "nope"), 2),
    (errors.StoreRefused("x"), 2),
    (errors.NotSupported("a", "b"), 2),
    (errors.TaskNotFound("id"), 3),
    (errors.TaskFailed("id", "exception"), 4),
    (errors.ResultTimeout("id"), 5),
    (errors.StoreUnavailable("x"), 69),
    (errors.StoreFull("x"), 75),
    (errors.StoreCorrupt("x"), 1),
    (KeyboardInterrupt(), 130),
    (RuntimeError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), TABLE, ids=lambda value: type(value).__name__)
def test_an_error_ends_with_its_documented_code(error, code):
    assert exit_for(error) == code


DOCS = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()


def test_the_documented_codes_are_those_of_the_table():
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", DOCS, re.MULTILINE)

    assert [(int(code), meaning) for code, meaning in rows] == [(code, code.meaning) for code in Exit]


def test_the_help_prints_the_table(omniq):
    shown = omniq("--help").stdout

    assert [
        code for code in Exit if not re.search(rf"^ +{int(code)} +{re.escape(code.meaning)}", shown, re.MULTILINE)
    ] == []
