"""SQLite for OmniQ: a durable task queue in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniq_sqlite.backend import SQLiteBackend, SQLiteEventStorage, SQLiteResultStorage, SQLiteTaskQueue
    from omniq_sqlite.options import SQLiteOptions

__all__ = ("SQLiteBackend", "SQLiteEventStorage", "SQLiteOptions", "SQLiteResultStorage", "SQLiteTaskQueue")


def __getattr__(name: str) -> Any:
    """Import on first use: finding the plugin must not import the driver."""
    if name == "SQLiteOptions":
        from omniq_sqlite.options import SQLiteOptions

        return SQLiteOptions
    if name in __all__:
        from omniq_sqlite import backend

        return getattr(backend, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
