"""Time, ids, names and durations: the small values that everything else is made of.

Time is an integer count of microseconds, UTC. Durations are given as `timedelta`, seconds or text such as
"1h30m", and become microseconds at the border.
"""

from __future__ import annotations

import os
import random
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from omniq.errors import InvalidName, InvalidOption, NaiveDatetime

__all__ = (
    "DAY",
    "HOUR",
    "LONGEST",
    "MILLISECOND",
    "MINUTE",
    "SECOND",
    "Duration",
    "Micros",
    "at_micros",
    "check_name",
    "check_task_name",
    "derived_id",
    "new_claim_id",
    "new_id",
    "span",
    "span_text",
    "to_datetime",
    "wall_clock",
    "whole",
)

Micros: TypeAlias = int
Duration: TypeAlias = timedelta | float | str

MILLISECOND: Micros = 1_000
SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

LONGEST: Micros = 36_525 * DAY
"""100 years: what is longer is a slip, or would run over in an engine's integers."""

_UNITS: dict[str, Micros] = {
    "us": 1, "ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TASK_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


def wall_clock() -> Micros:
    """Give the host's time, µs since the epoch."""
    return time.time_ns() // 1_000


def span(value: Duration, option: str = "duration") -> Micros:
    """Turn a duration into microseconds.

    Raises:
        InvalidOption: not a duration, negative, longer than 100 years, or not finite.
    """
    micros: float
    if isinstance(value, timedelta):
        micros = value // timedelta(microseconds=1)
    elif isinstance(value, str):
        parts = _PART.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value.replace(" ", ""):
            raise InvalidOption(option, f"{value!r} is no duration; write seconds, a timedelta or text like '1h30m'")
        micros = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOption(option, f"{value!r} is no duration; write seconds, a timedelta or text like '1h30m'")
    elif value != value or value in (float("inf"), float("-inf")):
        raise InvalidOption(option, f"{value!r} is not finite")
    else:
        micros = value * SECOND
    if micros < 0:
        raise InvalidOption(option, f"{value!r:.60} is negative; a duration starts at 0")
    if micros > LONGEST:
        raise InvalidOption(
            option, f"{value!r:.60} is longer than 100 years; durations are seconds, or text with a unit"
        )
    return round(micros)


def whole(option: str, value: Any, least: int, most: int) -> int:
    """Give back a whole number in its range.

    Raises:
        InvalidOption: it is none, or out of the range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidOption(option, f"{value!r:.80} is not a whole number from {least} to {most}")
    return value


def span_text(micros: Micros) -> str:
    """Show a duration to a person: "90 ms", "2.1 s", "4 min", "1.5 h", "3 d"."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (MILLISECOND, "ms")):
        if micros >= unit:
            return f"{micros / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{micros} µs"


def at_micros(value: datetime, option: str = "time") -> Micros:
    """Turn an aware datetime into microseconds since the epoch.

    Raises:
        InvalidOption: no datetime at all.
        NaiveDatetime: the value has no time zone.
    """
    if not _is_a_time(value):
        raise InvalidOption(option, f"{value!r:.60} is no time; pass an aware datetime such as datetime.now(UTC)")
    if value.tzinfo is None or value.utcoffset() is None:
        raise NaiveDatetime(option, value.isoformat(sep=" "))
    return (value - _EPOCH) // timedelta(microseconds=1)


def _is_a_time(value: object) -> bool:
    return isinstance(value, datetime)


def to_datetime(micros: Micros) -> datetime:
    """Turn microseconds since the epoch into an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


# Own generators: a user's `random.seed(0)` in two processes must not make their ids collide.
_random = random.Random(os.urandom(32))
_last_tick = 0


def _reseed() -> None:
    _random.seed(os.urandom(32))


os.register_at_fork(after_in_child=_reseed)


def new_id() -> str:
    """Make a UUIDv7 (RFC 9562) as text; ids of one process increase strictly.

    The 12 bits after the version count 1/4096 ms (method 3 of the RFC), pushed on by one where two ids fall
    into the same tick.
    """
    global _last_tick
    tick = (time.time_ns() << 12) // 1_000_000
    if tick <= _last_tick:
        tick = _last_tick + 1
    _last_tick = tick
    ms, chance = tick >> 12, _random.getrandbits(62)
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031  # the fastest way by a third, and one id an enqueue
        ms >> 16, ms & 0xFFFF, tick & 0xFFF, 0x8000 | chance >> 48, chance & 0xFFFFFFFFFFFF,
    )  # fmt: skip


def derived_id(*parts: str) -> str:
    """Make the one id (uuid5) that these parts always give, for what must be created at most once."""
    return str(uuid.uuid5(_NAMESPACE, "\x00".join(parts)))


_NAMESPACE = uuid.UUID("6f6d6e69-7100-5000-8000-000000000000")


def new_claim_id() -> int:
    """Draw a claim id: 62 random bits, never 0."""
    return _random.getrandbits(62) | 1


def check_name(kind: str, name: str) -> str:
    """Give back the name of a project, queue, schedule or worker if it is safe in every engine.

    Raises:
        InvalidName: not 1 to 64 letters, digits, `_` or `-`.
    """
    if not _fits(_NAME, name):
        raise InvalidName(kind, str(name), "1 to 64 letters, digits, '_' or '-'")
    return name


def check_task_name(name: str) -> str:
    """Give back a task's name if it is safe in every engine.

    Raises:
        InvalidName: not 1 to 200 letters, digits, `_`, `-`, `.` or `:`.
    """
    if not _fits(_TASK_NAME, name):
        raise InvalidName("task", str(name), "1 to 200 letters, digits, '_', '-', '.' or ':'")
    return name


def _fits(pattern: re.Pattern[str], name: object) -> bool:
    return isinstance(name, str) and pattern.fullmatch(name) is not None
