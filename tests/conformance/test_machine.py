"""Every store in lock step with the model."""

from __future__ import annotations

import pytest
from benches import BENCHES
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from omniq.testing.kit.ground import PROJECT
from omniq.testing.machine import lockstep


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bench", BENCHES, ids=str)
def test_a_store_and_the_model_answer_alike(bench):
    machine = lockstep(lambda stack: bench.factory(stack)(PROJECT))

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=bench.examples,
            stateful_step_count=bench.steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
