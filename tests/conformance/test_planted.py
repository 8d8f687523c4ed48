"""The kit and the machine have teeth on every store: a planted fault is caught by what is named for it."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec
import pytest
from benches import BENCHES
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from planted import CARDINAL, CAUGHT, CAUGHT_EVENTS, CAUGHT_RESULTS, LIES

from omniq.plugins.provider import Role
from omniq.storage.base import Feature
from omniq.testing import EventConformance, FaultyStore, QueueConformance, ResultConformance
from omniq.testing.kit.ground import PROJECT, run_cases
from omniq.testing.machine import lockstep

QUICK = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

on_every_bench = pytest.mark.parametrize("bench", BENCHES, ids=str)


def named(fault):
    return fault.__name__


def place(stack, bench, wrapper, role=Role.TASKS):
    """Give what makes fresh places whose stores are wrapped."""

    def fresh():
        factory = bench.factory(stack, role)
        return lambda project: wrapper(factory(project))

    return fresh


@on_every_bench
@pytest.mark.parametrize("fault", CAUGHT, ids=named)
async def test_a_planted_fault_is_caught_by_the_cases_named_for_it(bench, fault):
    with ExitStack() as stack:
        outcome = await run_cases(QueueConformance, place(stack, bench, fault), CAUGHT[fault].__contains__)

    passed = {name for name, error in outcome.items() if error is None}
    assert passed == set()
    assert outcome, "no case that is named for this fault fits this store"


@on_every_bench
@pytest.mark.parametrize(
    ("fault", "role", "conformance", "cases"),
    [
        pytest.param(fault, role, conformance, cases, id=fault.__name__)
        for role, conformance, caught in (
            (Role.RESULTS, ResultConformance, CAUGHT_RESULTS),
            (Role.EVENTS, EventConformance, CAUGHT_EVENTS),
        )
        for fault, cases in caught.items()
    ],
)
async def test_a_fault_of_another_role_is_caught_by_the_cases_named_for_it(bench, fault, role, conformance, cases):
    if role not in bench.roles:
        pytest.skip(f"{bench} is no {role.value}")
    with ExitStack() as stack:
        outcome = await run_cases(conformance, place(stack, bench, fault, role), cases.__contains__)

    assert {name for name, error in outcome.items() if error is not None} == cases


@on_every_bench
@pytest.mark.parametrize("fault", CARDINAL, ids=named)
def test_a_planted_fault_is_caught_by_the_machine(bench, fault):
    machine = lockstep(lambda stack: fault(bench.factory(stack)(PROJECT)))

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=QUICK)


@on_every_bench
@pytest.mark.parametrize(("feature", "store"), LIES, ids=lambda one: getattr(one, "name", None) or one.__name__)
async def test_a_store_that_is_not_what_it_declares_is_found_out(bench, feature, store):
    class Liar(store):
        @property
        def capabilities(self):
            honest = self.inner.capabilities
            return msgspec.structs.replace(honest, features=honest.features | feature)

    def asks_about_it(name):
        wanted = getattr(getattr(QueueConformance, name), "wants", Feature.NONE)
        return bool(feature & wanted) or "declared" in name

    with ExitStack() as stack:
        outcome = await run_cases(QueueConformance, place(stack, bench, Liar), asks_about_it)

    assert any(error is not None for error in outcome.values())


@on_every_bench
async def test_without_a_fault_the_same_cases_pass(bench):
    every = set.union(*CAUGHT.values())
    with ExitStack() as stack:
        outcome = await run_cases(QueueConformance, place(stack, bench, FaultyStore), every.__contains__)

    assert {name for name, error in outcome.items() if error is not None} == set()


def test_every_case_that_is_named_for_a_fault_exists():
    assert {name for names in CAUGHT.values() for name in names} <= set(dir(QueueConformance))
