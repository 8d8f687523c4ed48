"""Retry rules and the opaque policy blob."""

import pytest

from omniq.models.policy import PLAIN, Retries, TaskPolicy, backoff, crash_delay, dump_policy, load_policy
from omniq.models.values import HOUR, SECOND


def test_a_plain_policy_takes_no_bytes():
    assert dump_policy(TaskPolicy()) == b""
    assert load_policy(b"") is PLAIN


def test_a_policy_survives_the_way_through_the_store():
    policy = TaskPolicy(retries=Retries(max=7, give_up_on=("builtins:KeyError",)), timeout=SECOND, metadata={"a": "b"})

    assert load_policy(dump_policy(policy)) == policy


@pytest.mark.parametrize(("failures", "delay"), [(1, 1), (2, 2), (3, 4), (12, 2048), (13, 3600), (5000, 3600)])
def test_the_back_off_doubles_up_to_its_cap(failures, delay):
    assert backoff(Retries(jitter=False), failures, chance=0.0) == delay * SECOND


def test_full_jitter_takes_its_share_of_the_whole_delay():
    assert backoff(Retries(), 3, chance=0.5) == 2 * SECOND
    assert backoff(Retries(), 3, chance=0.0) == 0


def test_a_crashed_task_waits_ten_seconds_at_most():
    assert crash_delay(Retries(base=HOUR, jitter=False), 1, chance=1.0) == 10 * SECOND


def test_give_up_on_beats_retry_on():
    retries = Retries(retry_on=("builtins:Exception",), give_up_on=("builtins:KeyError",))

    assert retries.covers(("builtins:ValueError", "builtins:Exception"))
    assert not retries.covers(("builtins:KeyError", "builtins:LookupError", "builtins:Exception"))
    assert not Retries(retry_on=("builtins:OSError",)).covers(("builtins:ValueError",))
