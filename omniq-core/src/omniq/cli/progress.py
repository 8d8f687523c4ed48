"""A bar on stderr while something long goes on; plain lines where nobody watches.

A terminal sees one line that is drawn over at most ten times a second. A file or a pipe gets a line at each
tenth of the way, without control characters.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

__all__ = ("Progress",)

REDRAW = 0.1


class Progress:
    """`done` of `total`, with a word on what happens."""

    def __init__(self, total: int, what: str, stream: TextIO | None = None) -> None:
        self._total = max(total, 1)
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn_at = 0.0
        self._tenth = -1
        self._began = time.monotonic()

    def show(self, done: int, text: str = "") -> None:
        """Tell how far it is."""
        if self._live:
            now = time.monotonic()
            if done >= self._total or now - self._drawn_at >= REDRAW:
                self._drawn_at = now
                self._stream.write(f"\r\x1b[K{self._line(done, text)}")
                self._stream.flush()
        elif (tenth := 10 * done // self._total) > self._tenth:
            self._tenth = tenth
            self._stream.write(f"{self._what} {done}/{self._total} {text}".rstrip() + "\n")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line of its own above the bar."""
        self._stream.write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")
        self._stream.flush()
        self._drawn_at = 0.0

    def close(self) -> None:
        """Leave the last state of the bar standing."""
        if self._live:
            self._stream.write("\n")
            self._stream.flush()

    def _line(self, done: int, text: str) -> str:
        room = shutil.get_terminal_size().columns - 1
        rate = done / max(time.monotonic() - self._began, 0.001)
        tail = f" {done}/{self._total}  {rate:,.0f}/s  {text}".rstrip()
        width = max(min(40, room - len(self._what) - len(tail) - 3), 4)
        full = width * done // self._total
        return f"{self._what} [{'#' * full}{'.' * (width - full)}]{tail}"[:room]
