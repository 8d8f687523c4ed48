"""Stores in lock step with the model."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from omniq.builtin.memory import MemoryBackend
from omniq.testing.machine import lockstep
from omniq_sqlite.backend import SQLiteBackend
from omniq_sqlite.options import SQLiteOptions

FULL = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def memory(stack):
    return MemoryBackend().tasks()


def sqlite(stack):
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return SQLiteBackend(SQLiteOptions(path=str(folder / "jobs.db"))).tasks()


TestMemory = lockstep(memory).TestCase
TestMemory.settings = FULL
TestSQLite = lockstep(sqlite).TestCase
TestSQLite.settings = FULL
