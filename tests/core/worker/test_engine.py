"""The plain path: tasks run, end, come back, and the store is asked rarely."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import msgspec
import pytest

from omniq.execution.context import current
from omniq.execution.steering import Discard, Retry, Snooze
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.result import load_error
from omniq.models.states import Reason, State
from omniq.models.values import SECOND
from omniq.storage.records import Trouble
from omniq.worker import settler


async def test_a_coroutine_runs_and_its_value_is_stored(rig):
    @rig.task
    async def add(a, b):
        return a + b

    task_id = await rig.send("add", 2, 3)
    await rig.work_until_idle()

    record = await rig.look(task_id)
    assert (record.state, msgspec.msgpack.decode(record.result)) == (State.SUCCEEDED, 5)


async def test_a_plain_function_runs_in_a_thread_and_knows_its_task(rig):
    seen = []

    @rig.task
    def note():
        seen.append((current().id, current().attempt))

    task_id = await rig.send("note")
    await rig.work_until_idle()

    assert seen == [(task_id, 1)]


async def test_a_batch_costs_two_store_calls(rig, monkeypatch):
    monkeypatch.setattr(settler, "PATIENCE", 60.0)  # however slow this machine is

    @rig.task
    async def nothing():
        pass

    await rig.tasks.open()
    await rig.tasks.enqueue([rig.new("nothing") for _ in range(1000)])
    await rig.work_until_idle(rig.make(concurrency=100))

    count = rig.ledger.count()
    batches = count["claim"]
    assert batches <= 12
    assert count["claim"] + count["settle"] <= 2 * batches + 1


def test_a_failure_is_retried_after_its_delay_and_then_fails(rig, simulate):
    times = []

    @rig.task
    async def fail():
        times.append(asyncio.get_running_loop().time())
        raise ValueError("no")

    async def main():
        policy = TaskPolicy(retries=Retries(max=2, base=10 * SECOND, jitter=False))
        task_id = await rig.send("fail", policy=policy)
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert [round(b - a) for a, b in pairwise(times)] == [10, 20]
    assert (record.state, record.reason, record.failures) == (State.FAILED, Reason.EXCEPTION, 3)
    assert load_error(record.error).type == "ValueError"


def test_a_body_steers_its_outcome(rig, simulate):
    @rig.task
    async def steer(what):
        match current().attempt, what:
            case 1, "snooze":
                raise Snooze("5m")
            case 1, "retry":
                raise Retry("later", in_="7s")
            case _, "discard":
                raise Discard("enough")

    async def main():
        ids = [await rig.send("steer", what) for what in ("snooze", "retry", "discard")]
        await rig.work_until_idle()
        return [await rig.look(one) for one in ids]

    snoozed, retried, discarded = simulate(main)

    assert (snoozed.state, snoozed.snoozes, snoozed.failures) == (State.READY, 1, 0)
    assert (retried.state, retried.attempt, retried.failures) == (State.SUCCEEDED, 2, 1)
    assert (discarded.state, discarded.reason) == (State.FAILED, Reason.DISCARDED)


def test_a_timeout_ends_the_attempt_and_not_its_neighbour(rig, simulate):
    @rig.task
    async def sleep(seconds):
        await asyncio.sleep(seconds)

    async def main():
        policy = TaskPolicy(timeout=3 * SECOND, retries=Retries(max=0))
        late = await rig.send("sleep", 60, policy=policy)
        fine = await rig.send("sleep", 2, policy=policy)
        await rig.work_until_idle()
        return await rig.look(late), await rig.look(fine)

    late, fine = simulate(main)

    assert (late.state, late.reason, fine.state) == (State.FAILED, Reason.TIMEOUT, State.SUCCEEDED)
    assert late.finished_at - late.started_at < 4 * SECOND


def test_a_body_that_catches_its_timeout_and_raises_another_error_has_timed_out(rig, simulate):
    @rig.task
    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise KeyError("cleanup") from None

    async def main():
        task_id = await rig.send("stubborn", policy=TaskPolicy(timeout=SECOND, retries=Retries(max=0)))
        await rig.work_until_idle()
        return await rig.look(task_id)

    assert simulate(main).reason is Reason.TIMEOUT


def test_a_task_past_its_deadline_does_not_start(rig, simulate):
    ran = []

    @rig.task
    async def late():
        ran.append(1)

    async def main():
        policy = TaskPolicy(deadline=5 * SECOND)
        task_id = await rig.send("late", policy=policy, delay=0)
        await asyncio.sleep(6)
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (ran, record.state, record.reason) == ([], State.FAILED, Reason.DEADLINE)


def test_an_idle_worker_asks_less_than_once_a_second(rig, simulate):
    async def main():
        engine = rig.make()
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(60)
        before = len(rig.ledger.calls)
        await asyncio.sleep(60)
        calls = len(rig.ledger.calls) - before
        engine.stop()
        await running
        return calls

    assert simulate(main) <= 35


def test_an_unknown_task_is_given_back_for_half_a_minute(rig, simulate):
    async def main():
        task_id = await rig.send("missing")
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.releases, record.run_at - record.created_at) == (
        State.READY,
        1,
        30 * SECOND,
    )


def test_an_unknown_task_that_another_worker_brought_in_time_runs(rig, simulate):
    async def main():
        engine = rig.make()
        task_id = await rig.send("missing")
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await asyncio.sleep(5)

        @rig.task
        async def missing():
            return "here"

        await asyncio.sleep(30)
        engine.stop()
        await running
        return await rig.look(task_id)

    assert simulate(main).state is State.SUCCEEDED


async def test_a_body_that_exits_ends_itself_and_not_the_worker(rig):
    @rig.task
    async def leave():
        raise SystemExit(3)

    @rig.task
    async def stay():
        return 1

    left = await rig.send("leave", policy=TaskPolicy(retries=Retries(max=0)))
    stayed = await rig.send("stay")
    await rig.work_until_idle()

    assert (await rig.look(left)).reason is Reason.EXCEPTION
    assert (await rig.look(stayed)).state is State.SUCCEEDED


async def test_concurrency_is_real_overlap(rig):
    met = asyncio.Barrier(5)

    @rig.task
    async def meet():
        await met.wait()

    ids = [await rig.send("meet") for _ in range(5)]
    await rig.work_until_idle(rig.make(concurrency=5))

    assert {(await rig.look(one)).state for one in ids} == {State.SUCCEEDED}


class Exotic(BaseException):
    """As gevent.Timeout and the outcomes of pytest are."""


@pytest.mark.parametrize("kind", ["async", "thread"])
@pytest.mark.parametrize("error", [Exotic, SystemExit])
async def test_whatever_a_body_raises_is_a_failure(rig, kind, error):
    runs = []

    def body():
        runs.append(1)
        raise error()

    async def abody():
        body()

    abody.__name__ = body.__name__ = "bad"
    rig.task(abody if kind == "async" else body)
    task_id = await rig.send("bad", policy=TaskPolicy(retries=Retries(max=1, base=0)))
    await rig.work_until_idle(rig.make(kind=kind))

    record = await rig.look(task_id)
    assert (record.state, record.reason, record.failures, len(runs)) == (State.FAILED, Reason.EXCEPTION, 2, 2)


async def test_a_body_that_cancels_itself_fails(rig):
    @rig.task
    async def bad():
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    task_id = await rig.send("bad", policy=TaskPolicy(retries=Retries(max=0)))
    await rig.work_until_idle()

    record = await rig.look(task_id)
    assert (record.state, load_error(record.error).type) == (State.FAILED, "asyncio.exceptions.CancelledError")


def test_the_cleanup_of_a_cancelled_body_is_not_cut_off_by_the_next_renewal(rig, simulate):
    seen = []

    begun = asyncio.Event()

    @rig.task
    async def slow():
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("cleanup begun")
            await asyncio.sleep(20)
            seen.append("cleanup ended")

    async def main():
        task_id = await rig.send("slow")
        engine = rig.make(lease=3600 * SECOND)
        await engine.start()
        running = asyncio.ensure_future(engine.run())
        await begun.wait()
        (execution,) = engine._slots.running
        for _ in range(3):  # as three renewals would say it
            engine._told(execution, Trouble.CANCEL)
            await asyncio.sleep(1)
        await engine.idle()
        engine.stop()
        await running
        return await rig.look(task_id)

    assert (simulate(main).state, seen) == (State.CANCELLED, ["cleanup begun", "cleanup ended"])


async def test_an_ending_that_cannot_be_judged_fails_its_task(rig):
    @rig.task
    async def bad():
        raise ValueError("no")

    task_id = await rig.send("bad", policy=TaskPolicy(retries=Retries(max=3, factor=float("nan"))))
    await rig.work_until_idle()

    assert (await rig.look(task_id)).state is State.FAILED


async def test_a_failed_body_leaves_a_traceback_of_its_own_frames(rig):
    @rig.task
    def bad():
        raise ValueError("no")

    task_id = await rig.send("bad", policy=TaskPolicy(retries=Retries(max=0)))
    await rig.work_until_idle(rig.make(kind="thread"))

    text = load_error((await rig.look(task_id)).error).traceback
    assert "in bad" in text
    assert "run.py" not in text
    assert "threads.py" not in text
