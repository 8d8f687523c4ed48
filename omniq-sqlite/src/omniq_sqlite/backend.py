"""The file as one object with three roles."""

from __future__ import annotations

from omniq.models.values import check_name
from omniq_sqlite.events import SQLiteEventStorage
from omniq_sqlite.options import SQLiteOptions
from omniq_sqlite.place import is_private
from omniq_sqlite.results import SQLiteResultStorage
from omniq_sqlite.tasks.queue import SQLiteTaskQueue

__all__ = ("SQLiteBackend", "SQLiteEventStorage", "SQLiteResultStorage", "SQLiteTaskQueue")


class SQLiteBackend:
    """Tasks, results and events of one project in one file; each role is a handle with its own connection."""

    def __init__(self, options: SQLiteOptions, project: str = "default") -> None:
        self.options = options
        self.project = check_name("project", project)

    @property
    def private(self) -> bool:
        """Whether only this user can write here, so that a reader may trust dill."""
        return is_private(self.options.path)

    def tasks(self) -> SQLiteTaskQueue:
        """Make a task queue, not yet open."""
        return SQLiteTaskQueue(self.options, self.project)

    def results(self) -> SQLiteResultStorage:
        """Make a result store, not yet open."""
        return SQLiteResultStorage(self.options, self.project)

    def events(self) -> SQLiteEventStorage:
        """Make an event store, not yet open."""
        return SQLiteEventStorage(self.options, self.project)
