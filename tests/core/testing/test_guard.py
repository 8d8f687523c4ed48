"""A backend's test class cannot drop a case of the kit unnoticed."""

from __future__ import annotations

import pytest

from omniq.testing import ExecutorConformance, QueueConformance

pytest_plugins = ["pytester"]

CASE = "test_a_running_task_is_not_given_again"
CONFTEST = 'pytest_plugins = ["omniq.testing"]'
INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
MODULE = """
import pytest
from omniq.builtin.memory import MemoryBackend
from omniq.testing import QueueConformance

{mark}
class TestMine(QueueConformance):
    @pytest.fixture
    def factory(self):
        return lambda project: MemoryBackend(project=project).tasks()
"""


def test_a_case_cannot_be_replaced():
    with pytest.raises(TypeError, match=f"TestMine replaces {CASE} of the conformance kit"):
        type("TestMine", (QueueConformance,), {CASE: lambda self: None})


def test_a_case_cannot_be_set_to_nothing():
    with pytest.raises(TypeError, match="TestMine replaces"):
        type("TestMine", (QueueConformance,), {CASE: None})


@pytest.mark.parametrize(("conformance", "fixture"), [(QueueConformance, "store"), (ExecutorConformance, "executor")])
def test_a_fixture_that_gates_cases_cannot_be_replaced(conformance, fixture):
    with pytest.raises(TypeError, match=f"TestMine replaces {fixture} of"):
        type("TestMine", (conformance,), {fixture: None})


def test_a_subclass_may_add_what_is_its_own():
    assert type("TestMine", (QueueConformance,), {"factory": None, "test_of_mine": None})


@pytest.mark.parametrize("mark", ["skip(reason='slow')", "xfail", "skipif(True, reason='x')"])
def test_a_run_with_a_silenced_case_is_refused(pytester, mark):
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(MODULE.format(mark=f"@pytest.mark.{mark}"))

    result = pytester.runpytest_subprocess("-k", CASE)

    result.stderr.fnmatch_lines([f"*is a case of the conformance kit and is marked {mark.partition('(')[0]}*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_run_without_is_not(pytester):
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(MODULE.format(mark=""))

    pytester.runpytest_subprocess("-k", CASE).assert_outcomes(passed=1, deselected=None)
