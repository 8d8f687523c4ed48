"""The worker kinds of core answer the kit."""

import pytest

from omniq.builtin.coroutine import CoroutineExecutor
from omniq.builtin.thread import ThreadExecutor
from omniq.testing import ExecutorConformance


class TestAsync(ExecutorConformance):
    @pytest.fixture
    def kind(self):
        return CoroutineExecutor


class TestThread(ExecutorConformance):
    @pytest.fixture
    def kind(self):
        return ThreadExecutor
