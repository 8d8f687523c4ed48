"""Options of a queue: below what the task says, above the settings."""

from __future__ import annotations

import pytest

from omniq import AsyncOmniQ, ConfigError, UniqueConflict
from omniq.models.policy import load_policy
from omniq.models.values import MINUTE, SECOND


def add(a: int, b: int) -> int:
    return a + b


def app(**queues):
    return AsyncOmniQ.from_dict({"backend": "memory://", "task_timeout": 60, "retry_attempts": 9, "queues": queues})


async def stored(app, sender, *args):
    handle = await sender.enqueue(*args)
    [record] = await app.queue.store.get([handle.id])
    return record, load_policy(record.policy)


async def test_an_option_of_the_queue_stands_above_the_settings_and_below_the_task():
    oq = app(reports={"timeout": "10m", "priority": 9, "tags": ["red"], "metadata": {"team": "a"}})
    task = oq.task(queue="reports", priority=7)(add)

    record, policy = await stored(oq, task, 1, 2)
    _, own = await stored(oq, task.options(timeout="1s"), 1, 2)
    _, elsewhere = await stored(oq, task.options(queue="other"), 1, 2)

    assert (record.priority, record.tags, policy.metadata) == (7, ("red",), {"team": "a"})
    assert (policy.timeout, own.timeout, elsewhere.timeout) == (10 * MINUTE, SECOND, MINUTE)
    assert policy.retries.max == 9


async def test_nothing_written_for_a_duration_means_without_end():
    oq = app(default={"timeout": None})

    _, policy = await stored(oq, oq, add, 1, 2)

    assert policy.timeout is None


async def test_one_word_of_the_task_on_retries_replaces_the_queues():
    oq = app(default={"retry": {"max": 2, "base": "5s", "retry_on": ["builtins:OSError"]}})
    task = oq.task(add)

    _, policy = await stored(oq, task, 1, 2)
    _, own = await stored(oq, task.options(retries=1), 1, 2)

    assert (policy.retries.max, policy.retries.base, policy.retries.retry_on) == (2, 5 * SECOND, ("builtins:OSError",))
    assert (own.retries.max, own.retries.retry_on) == (1, ())


async def test_a_unique_key_may_hold_for_a_whole_queue():
    oq = app(single={"unique": {"key": "one", "on_conflict": "raise"}})
    sender = oq.options(queue="single")
    await sender.enqueue(add, 1, 1)

    with pytest.raises(UniqueConflict):
        await sender.enqueue(add, 2, 2)


def test_a_value_that_no_task_could_have_is_refused_when_the_queue_is_made():
    with pytest.raises(ConfigError, match=r"the dict queues.low: .*tags"):
        app(low={"tags": [""]}).queue  # noqa: B018 - made at first use
