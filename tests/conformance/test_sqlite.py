"""The SQLite store meets the contract, less what it declares not to have yet."""

import pytest

from omniq.testing import QueueConformance
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions


class TestSQLite(QueueConformance):
    @pytest.fixture
    def factory(self, tmp_path):
        return lambda project: SQLiteBackend(SQLiteOptions(path=str(tmp_path / "jobs.db")), project=project).tasks()
