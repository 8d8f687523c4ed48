"""What can be said about a SQLite store, in a URL or a configuration file."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ("SQLiteOptions",)


class SQLiteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file. `synchronous="FULL"` survives a loss of power at the price of an fsync a commit; NORMAL
    survives a crash of the process, and keeps the file whole in any case."""

    path: str
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"
