"""Shows records to a person as a table, to a program as JSON: data on stdout, all else on stderr.

Field names are those of the records, the same in every format, so that what a person reads in a table can be
asked for with jq.
"""

from __future__ import annotations

import contextlib
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any

import click
import msgspec

from omniq.models.values import SECOND, span_text

__all__ = ("Format", "age", "note", "show_record", "show_rows", "table")

Row = Mapping[str, Any]


class Format(StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


def note(text: str) -> None:
    """Tell the person something that is no data; nobody may be listening any more."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def show_rows(rows: Sequence[Row], output: Format, columns: Sequence[str], *, empty: str) -> None:
    """Write many records: chosen columns in a table, every field in JSON; `empty` says why there are none."""
    if output is Format.JSON:
        _write(msgspec.json.format(_json(list(rows)), indent=2))
    elif output is Format.JSONL:
        for row in rows:
            _write(_json(row))
    elif rows:
        click.echo(table(columns, [[_cell(row.get(column)) for column in columns] for row in rows]))
    else:
        note(empty)


def show_record(record: Row, output: Format) -> None:
    """Write one record: a line a field in a table, one object in JSON."""
    if output is Format.TABLE:
        width = max(map(len, record))
        for name, value in record.items():
            text = _cell(value)
            pad = "\n" + " " * (width + 2)
            click.echo(f"{name.ljust(width)}  {text.replace(chr(10), pad)}".rstrip())
    else:
        _write(msgspec.json.format(_json(record), indent=2) if output is Format.JSON else _json(record))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a plain table: numbers to the right, text to the left, two spaces between."""
    widths = [max([_width(head), *(_width(row[place]) for row in rows)]) for place, head in enumerate(columns)]
    right = [bool(rows) and all(_numeric(row[place]) for row in rows) for place in range(len(columns))]
    lines = [
        "  ".join(_pad(cell, widths[place], right[place]) for place, cell in enumerate(row)).rstrip()
        for row in (columns, *rows)
    ]
    return "\n".join(lines)


def age(moment: datetime | None) -> str:
    """Say how long ago a time is, or how far ahead."""
    if moment is None:
        return "-"
    gone = round((datetime.now(UTC) - moment).total_seconds() * SECOND)
    return span_text(_rounded(gone)) if gone >= 0 else f"in {span_text(_rounded(-gone))}"


def _rounded(micros: int) -> int:
    return micros // SECOND * SECOND if micros >= SECOND else micros


def _cell(value: Any) -> str:
    match value:
        case None | "" | () | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case datetime():
            return value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
        case str() | int() | float():
            return str(value)
        case tuple() | list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case _:
            return _json(value).decode()


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=repr)


def _write(raw: bytes) -> None:
    click.echo(raw.decode(), file=sys.stdout)


def _numeric(text: str) -> bool:
    return text == "-" or text.replace(".", "", 1).replace(",", "").replace("%", "").isdigit()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
