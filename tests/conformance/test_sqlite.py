"""The SQLite store answers the kit."""

import pytest

from omniq.testing import QueueConformance
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions


class TestSQLiteTasks(QueueConformance):
    @pytest.fixture
    def factory(self, tmp_path):
        options = SQLiteOptions(path=str(tmp_path / "jobs.db"))
        return lambda project: SQLiteBackend(options, project=project).tasks()
