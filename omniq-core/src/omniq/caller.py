"""A warning that points at the user's line, however many of our frames stand between.

A fixed `stacklevel` is right for one way into the library only; there are several to every verb, on two faces.
"""

from __future__ import annotations

import sys
import warnings

__all__ = ("warn_caller",)


def warn_caller(text: str, category: type[Warning]) -> None:
    """Warn at the innermost line that is not ours; on a thread of ours there is none, and the text has to do."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "omniq":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
