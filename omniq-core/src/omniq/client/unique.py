"""`Unique`: at most one task with a key at a time, as a user says it and as packing takes it."""

from __future__ import annotations

from typing import Any

import msgspec

from omniq.errors import InvalidOption
from omniq.models.states import Until
from omniq.models.values import Duration, Micros, span

__all__ = ("Unique", "unique_of", "until_of")

ADVICE = "write a text, or Unique('key', until=..., on_conflict=...)"


class Unique(msgspec.Struct, frozen=True):
    """At most one task with this key at a time, within one task name of one project.

    `until`: "terminal" (not ended yet), "started" (not started yet), or a time from the enqueue.
    `on_conflict`: "return" gives the handle of the holder, "raise" raises `UniqueConflict`.
    """

    key: str
    until: Duration = "terminal"
    on_conflict: str = "return"


def unique_of(value: Any) -> Unique | None:
    """Judge a key; text stands for `Unique(text)`.

    Raises:
        InvalidOption: it is neither, or its parts make no sense.
    """
    if value is None:
        return None
    unique = Unique(value) if isinstance(value, str) else value
    if not isinstance(unique, Unique) or not isinstance(unique.key, str):
        raise InvalidOption("unique", f"{value!r:.80} is no key; {ADVICE}")
    try:
        unique.key.encode()
    except UnicodeEncodeError:
        raise InvalidOption("unique", f"{unique.key!r:.80} has half a surrogate pair, which is no text") from None
    if unique.on_conflict not in ("return", "raise"):
        raise InvalidOption("unique", f"on_conflict={unique.on_conflict!r:.80}; use 'return' or 'raise'")
    until_of(unique)
    return unique


def until_of(unique: Unique | None) -> tuple[Until, Micros]:
    """Give how long a key is held; the time is for a window only."""
    if unique is None or unique.until == "terminal":
        return Until.TERMINAL, 0
    if unique.until == "started":
        return Until.STARTED, 0
    try:
        window = span(unique.until, "unique")
    except InvalidOption as error:
        raise InvalidOption("unique", f"until: {error.why}; or use 'terminal' or 'started'") from None
    if window == 0:
        raise InvalidOption("unique", "until=0 would hold nothing; use 'terminal', 'started' or a duration above 0")
    return Until.WINDOW, window
