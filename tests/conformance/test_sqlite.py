"""The SQLite stores answer the kit."""

import pytest

from omniq.testing import CrashConformance, EventConformance, QueueConformance, ResultConformance
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions


@pytest.fixture
def backend(tmp_path):
    options = SQLiteOptions(path=str(tmp_path / "jobs.db"))
    return lambda project: SQLiteBackend(options, project=project)


class TestSQLiteTasks(QueueConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).tasks()


class TestSQLiteResults(ResultConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).results()


class TestSQLiteProcesses(CrashConformance):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/jobs.db"


class TestSQLiteEvents(EventConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).events()
