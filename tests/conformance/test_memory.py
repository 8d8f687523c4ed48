"""The memory store meets the contract."""

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.testing import QueueConformance


class TestMemory(QueueConformance):
    @pytest.fixture
    def factory(self):
        return lambda project: MemoryBackend(project=project).tasks()
