"""The memory stores answer the kit."""

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.testing import EventConformance, QueueConformance, ResultConformance


class TestMemoryTasks(QueueConformance):
    @pytest.fixture
    def factory(self):
        return lambda project: MemoryBackend(project=project).tasks()


class TestMemoryResults(ResultConformance):
    @pytest.fixture
    def factory(self):
        return lambda project: MemoryBackend(project=project).results()


class TestMemoryEvents(EventConformance):
    @pytest.fixture
    def factory(self):
        return lambda project: MemoryBackend(project=project).events()
