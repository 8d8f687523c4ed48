from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from omniq.cli.output import Format, show_record, show_rows, table
from omniq.models.states import State

ROWS = [
    {"id": "a", "state": State.READY, "attempt": 0, "tags": (), "at": datetime(2026, 1, 2, tzinfo=UTC)},
    {"id": "b", "state": State.FAILED, "attempt": 12, "tags": ("x", "y"), "at": None},
]


def test_a_table_shows_the_chosen_columns_with_numbers_to_the_right(capsys):
    show_rows(ROWS, Format.TABLE, ["id", "attempt", "tags"], empty="nothing")

    assert capsys.readouterr().out == "id  attempt  tags\na         0  -\nb        12  x, y\n"


def test_no_rows_say_why_on_stderr_and_leave_stdout_empty(capsys):
    show_rows([], Format.TABLE, ["id"], empty="nothing here")

    assert capsys.readouterr() == ("", "nothing here\n")


def test_json_is_one_document_with_every_field(capsys):
    show_rows(ROWS, Format.JSON, ["id"], empty="nothing")

    found = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in found] == ["ready", "failed"]
    assert found[0]["at"] == "2026-01-02T00:00:00Z"


def test_json_without_rows_is_an_empty_list(capsys):
    show_rows([], Format.JSON, ["id"], empty="nothing")

    assert json.loads(capsys.readouterr().out) == []


def test_jsonl_is_one_object_a_line(capsys):
    show_rows(ROWS, Format.JSONL, ["id"], empty="nothing")

    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]


def test_a_record_keeps_a_traceback_under_its_column(capsys):
    show_record({"id": "a", "error": "one\ntwo"}, Format.TABLE)

    assert capsys.readouterr().out == "id     a\nerror  one\n       two\n"


def test_a_wide_character_takes_two_columns():
    assert table(["a", "b"], [["日", "x"], ["ab", "y"]]) == "a   b\n日  x\nab  y"


@pytest.mark.parametrize("output", [Format.JSON, Format.JSONL])
def test_one_record_is_one_object(capsys, output):
    show_record(ROWS[1], output)

    assert json.loads(capsys.readouterr().out)["tags"] == ["x", "y"]
