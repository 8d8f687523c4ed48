"""What a worker writes while it runs: one line an event, on stderr, as `omniq.*` logs it."""

from __future__ import annotations

import logging
import os
import sys

import click

__all__ = ("show_logs",)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "DISABLED")


def show_logs() -> None:
    """Send the library's log to stderr, and what the user's own modules log, at OMNIQ_LOG_LEVEL and above.

    A logger that the app configured itself is left alone. Must come before an engine is made: it asks once
    whether anybody listens.
    """
    level = os.environ.get("OMNIQ_LOG_LEVEL", "INFO").upper()
    if level not in LEVELS:
        raise click.UsageError(f"OMNIQ_LOG_LEVEL={level} is none of {', '.join(LEVELS)}")
    if level == "DISABLED":
        logging.getLogger("omniq").disabled = True
        logging.getLogger("omniq.worker").disabled = True
        return
    root, ours = logging.getLogger(), logging.getLogger("omniq")
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Line())
        root.addHandler(handler)
    if ours.level == logging.NOTSET:
        ours.setLevel(level)


class _Line(logging.Formatter):
    """`12:00:01.234 start shop:send 0193...`; the level from WARNING on, the logger where it is not ours."""

    default_time_format = "%H:%M:%S"
    default_msec_format = "%s.%03d"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        origin = "" if record.name.startswith("omniq.") else f"{record.name}: "
        return f"{self.formatTime(record)} {level}{origin}{record.message}"
