"""Turns what sqlite3 raises into the store errors of the contract.

Anything that is no fault of the engine (a wrong statement of ours) is left as it is: it must not look like
an outage that a caller repeats for ever.
"""

from __future__ import annotations

import sqlite3

from omniq.errors import StoreCorrupt, StoreError, StoreFull, StoreRefused, StoreUnavailable

__all__ = ("BUSY_LIMIT", "is_busy", "translated")

BUSY_LIMIT = 5.0
"""Seconds for which a locked file is tried before the call gives up."""


def _primary(error: sqlite3.Error) -> int:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return (code or 0) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether somebody else holds a lock, so that trying again soon is worth it."""
    return _primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def translated(error: BaseException, path: str) -> BaseException:
    """Give the store error for an engine error; everything else comes back as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    known = _store_error(error, path)
    if known is None:
        return error
    known.__cause__ = error
    return known


def _store_error(error: sqlite3.Error, path: str) -> StoreError | None:
    match _primary(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailable(
                f"{path} stayed locked for {BUSY_LIMIT:g} s; another process holds a write transaction, "
                "end it and repeat the call"
            )
        case sqlite3.SQLITE_FULL:
            return StoreFull(f"no room to write to {path}; free disk space, then repeat the call")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreCorrupt(
                f"{path} is damaged or no SQLite database ({error}); restore it from a copy or choose another path"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreRefused(f"{path} cannot be written; give this user write permission on file and folder")
        case sqlite3.SQLITE_CANTOPEN:
            return StoreRefused(f"{path} cannot be opened ({error}); check that the path and its permissions are right")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_PROTOCOL | sqlite3.SQLITE_INTERRUPT | sqlite3.SQLITE_NOMEM:
            return StoreUnavailable(f"{path} failed: {error}; repeat the call")
        case _:
            return None
