"""With a budget of two, nearly everything that follows an ending is marked and carried out later: nobody can tell."""

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings

from omniq.testing.kit.edges import EdgeCases
from omniq.testing.kit.followups import FollowUpCases
from omniq.testing.machine import lockstep
from omniq_sqlite import SQLiteBackend, SQLiteOptions
from omniq_sqlite.tasks import follow_ups


def tight(stack):
    """A store of which one transaction does next to nothing."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    stack.enter_context(patch.object(follow_ups, "BUDGET", 2))
    stack.enter_context(patch.object(follow_ups, "PARENTS", 1))
    return SQLiteBackend(SQLiteOptions(path=str(folder / "jobs.db"))).tasks()


class TestCases(EdgeCases, FollowUpCases):
    @pytest.fixture
    def factory(self, path, monkeypatch):
        monkeypatch.setattr(follow_ups, "BUDGET", 2)
        monkeypatch.setattr(follow_ups, "PARENTS", 1)
        return lambda project: SQLiteBackend(SQLiteOptions(path=str(path)), project).tasks()


TestLockStep = lockstep(tight).TestCase
TestLockStep.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
