"""The memory store answers the kit."""

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.testing import QueueConformance


class TestMemoryTasks(QueueConformance):
    @pytest.fixture
    def factory(self):
        return lambda project: MemoryBackend(project=project).tasks()
