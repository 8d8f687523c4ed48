from __future__ import annotations

import pytest

from omniq import errors
from omniq.cli.exits import Exit, exit_for

TABLE = [
    (errors.ConfigConflict("a", "b"), 2),
    (errors.BackendNotFound("task queue", "nope"), 2),
    (errors.StoreRefused("x"), 2),
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


def test_the_codes_are_those_that_are_documented():
    assert sorted(Exit) == [0, 1, 2, 3, 4, 5, 69, 75, 130, 143]
