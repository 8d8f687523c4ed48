"""`LoggingConfig`: the library's log on stderr, as lines for a person or as JSON for a collector.

Nothing here happens by itself: a program asks with `oq.config.logging.configure()`, and `omniq worker` asks
for the worker that it runs.

Invariant: a handler, or a level, that the program set itself is left alone.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

import msgspec

__all__ = ("LoggingConfig",)

ROOT = "omniq"


class LoggingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How `omniq.*` logs. A component is the part of a logger's name behind `omniq.`, such as `worker`."""

    level: str = "INFO"
    """One of `settings.LOG_LEVELS`; DISABLED silences the whole tree."""
    format: Literal["text", "json"] = "text"
    components: dict[str, str] = {}
    disabled: bool = False

    def configure(self, stream: TextIO | None = None) -> None:
        """Send the log to `stream` (stderr), unless the program has handlers of its own; set the levels.

        What the program's own modules log goes the same way. Call it before a worker starts: an engine asks
        once whether anybody listens.
        """
        root = logging.getLogger()
        if self.disabled or self.level == "DISABLED":
            _set(ROOT, SILENT)
            return
        if all(isinstance(one, _Handler) for one in root.handlers):
            root.handlers[:] = [_Handler(stream or sys.stderr)]
            root.handlers[0].setFormatter(_Json() if self.format == "json" else _Line())
        _set(ROOT, self.level)
        for name, level in self.components.items():
            _set(f"{ROOT}.{name}", SILENT if level == "DISABLED" else level)


SILENT = logging.CRITICAL + 1


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second call can replace it."""


_levels: dict[str, int] = {}
"""What was set here; another level is the program's own."""


def _set(name: str, level: int | str) -> None:
    logger = logging.getLogger(name)
    if logger.level in (logging.NOTSET, _levels.get(name)):
        logger.setLevel(level)
        _levels[name] = logger.level


class _Line(logging.Formatter):
    """`12:00:01.234 start shop:send 0193...`; the level from WARNING on, the logger where it is not ours."""

    default_time_format = "%H:%M:%S"
    default_msec_format = "%s.%03d"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        origin = "" if record.name.startswith(f"{ROOT}.") else f"{record.name}: "
        return f"{self.formatTime(record)} {level}{origin}{record.message}"


class _Json(logging.Formatter):
    """One object a line: time, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
