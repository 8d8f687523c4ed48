"""What waits for a slot, what a lease allows to start, and how long what runs may go on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from omniq.execution.context import current
from omniq.models.policy import Retries, TaskPolicy
from omniq.models.states import Reason, State
from omniq.models.values import SECOND
from omniq.storage.records import Fence, Settlement

pytestmark = pytest.mark.usefixtures("renewals_in_virtual_time")

LEASE = SECOND * 9 // 10


def now():
    return asyncio.get_running_loop().time()


async def begin(engine):
    await engine.start()
    return asyncio.ensure_future(engine.run())


def answered_late(rig, seconds):
    """Let the answer of the first claim that gives something be on its way for so long; tell when it was sent."""
    original, sent = rig.tasks.claim, []

    async def claim(*args, **kwargs):
        begun = now()
        claimed = await original(*args, **kwargs)
        if claimed.tasks and not sent:
            sent.append(begun)
            await asyncio.sleep(seconds)
        return claimed

    rig.tasks.claim = claim
    return sent


def test_a_task_whose_lease_may_be_over_when_it_arrives_is_not_started(rig, simulate):
    attempts = []

    @rig.task
    async def note():
        attempts.append(current().attempt)

    async def main():
        answered_late(rig, 14)
        task_id = await rig.send("note")
        engine = rig.make(lease=15 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(60)
        engine.stop()
        await running
        return await rig.look(task_id)

    record = simulate(main)

    assert (attempts, record.state, record.crashes) == ([2], State.SUCCEEDED, 1)


def test_the_lease_of_a_claim_counts_from_its_sending(rig, simulate):
    stopped = []

    @rig.task
    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(now())

    async def main():
        sent = answered_late(rig, 4)
        await rig.send("endless")
        rig.ledger.down.update({"extend", "reclaim"})
        engine = rig.make(lease=15 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(60)
        engine.stop()
        await running
        return stopped[0] - sent[0]

    assert simulate(main) == pytest.approx(13.5)


@pytest.fixture
def nap(rig):
    """A task that takes long enough for two renewals, and the ids of those whose bodies began."""
    ran = []

    @rig.task
    async def nap():
        ran.append(current().id)
        await asyncio.sleep(0.7)

    return ran


class Starts:
    """Hears which attempts began and which were lost."""

    def __init__(self):
        self.begun, self.lost, self.seconds = [], [], {}

    def started(self, context):
        self.begun.append(context.id)

    def settled(self, task, settlement, became, seconds):
        self.seconds[task.fence.task_id] = seconds
        if became is None:
            self.lost.append(task.fence.task_id)


def test_a_task_that_is_lost_while_it_waits_for_a_slot_is_not_started(rig, simulate, nap):
    told = rig.options["hooks"] = Starts()

    async def main():
        engine = rig.make(concurrency=1, lease=LEASE)
        running, (_, *waiting) = await rig.fill_buffer(engine, ["nap"] * 3)
        record = await rig.look(waiting[0])
        fence = Fence(record.id, record.attempt, record.claim_id)
        await rig.tasks.settle([Settlement(fence=fence, ref=None, to=State.FAILED, reason=Reason.CRASHED)])
        await engine.idle()
        engine.stop()
        await running
        assert engine._leases.held == 0
        written = [one.fence.task_id for name, what in rig.ledger.calls if name == "settle" for one in what]
        return waiting[0], waiting[1], written.count(waiting[0])

    lost, kept, written = simulate(main)

    assert kept in nap
    assert lost not in nap + told.begun + told.lost
    assert written == 1  # by who took it


def test_a_task_that_is_cancelled_while_it_waits_for_a_slot_is_not_started(rig, simulate, nap):
    async def main():
        engine = rig.make(concurrency=1, lease=LEASE)
        running, (_, *waiting) = await rig.fill_buffer(engine, ["nap"] * 3)
        await rig.tasks.cancel(waiting[:1])
        await engine.idle()
        engine.stop()
        await running
        return await rig.look(waiting[0]), await rig.look(waiting[1])

    cancelled, kept = simulate(main)

    assert (cancelled.state, kept.state) == (State.CANCELLED, State.SUCCEEDED)
    assert cancelled.id not in nap


@pytest.mark.parametrize(
    ("timeout", "more", "ends"),
    [(3 * SECOND, "10s", 12.0), (3 * SECOND, None, 60.0), (3600 * SECOND, "1s", 3.0), (None, "1s", 3.0)],
    ids=["longer", "without a limit", "shorter", "with a limit now"],
)
def test_a_body_that_asks_for_time_has_it_from_then_on(rig, simulate, timeout, more, ends):
    began, left = [], []

    @rig.task
    async def slow():
        began.append(now())
        await asyncio.sleep(2)
        current().extend(timeout=more)
        try:
            await asyncio.sleep(58)
        finally:
            left.append(now())

    async def main():
        policy = TaskPolicy(timeout=timeout, retries=Retries(max=0))
        task_id = await rig.send("slow", policy=policy)
        await rig.work_until_idle()
        return await rig.look(task_id)

    record = simulate(main)

    assert left[0] - began[0] == pytest.approx(ends)
    assert record.reason is (Reason.TIMEOUT if more else None)


@pytest.mark.parametrize("more", ["1h", None])
def test_the_lease_of_a_body_that_asked_for_time_is_renewed_as_long(rig, simulate, more):
    @rig.task
    async def slow():
        current().extend(timeout=more)
        await asyncio.sleep(60)

    async def main():
        policy = TaskPolicy(timeout=3 * SECOND, retries=Retries(max=0))
        task_id = await rig.send("slow", policy=policy)
        await rig.work_until_idle(rig.make(lease=3 * SECOND, shutdown_grace=SECOND))
        return await rig.look(task_id)

    record = simulate(main)

    assert (record.state, record.attempt) == (State.SUCCEEDED, 1)


@pytest.mark.parametrize(
    ("policy", "extends", "last"),
    [
        (TaskPolicy(timeout=10 * SECOND), False, 15),
        (TaskPolicy(max_runtime=7 * SECOND), False, 7),
        (TaskPolicy(timeout=10 * SECOND, max_runtime=20 * SECOND), False, 20),
        (TaskPolicy(timeout=2 * SECOND, max_runtime=7 * SECOND), True, 7),
    ],
    ids=["timeout and grace", "max_runtime", "max_runtime beside a timeout", "max_runtime, however it asks for time"],
)
def test_a_hung_body_is_renewed_no_longer_than(rig, simulate, policy, extends, last):
    began, left = [], []

    @rig.task
    async def hung():
        began.append(now())
        if extends:
            current().extend(timeout=None)
        while not current().cancelled:  # deaf to all but the loss of its lease
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                left.append(now())

    async def main():
        await rig.send("hung", policy=policy)
        rig.ledger.down.add("reclaim")
        engine = rig.make(lease=3 * SECOND, shutdown_grace=5 * SECOND)
        running = await begin(engine)
        await asyncio.sleep(100)
        engine.stop()
        await running

    simulate(main)

    # The last renewal was sent just before `last`, at one of the thirds of the lease.
    assert last - 1 <= left[-1] - began[0] - 2.7 <= last


def test_the_length_of_an_attempt_counts_from_its_start_and_not_from_its_claim(rig, simulate, nap):
    told = rig.options["hooks"] = Starts()

    async def main():
        engine = rig.make(concurrency=1, lease=LEASE)
        running, (_, *waiting) = await rig.fill_buffer(engine, ["nap"] * 3)
        await engine.idle()
        engine.stop()
        await running
        return waiting[0]

    assert told.seconds[simulate(main)] == pytest.approx(0.7)


def test_a_freed_slot_is_filled_at_once(rig, simulate):
    @rig.task
    async def second():
        await asyncio.sleep(1)

    async def main():
        for _ in range(5):
            await rig.send("second")
        begun = now()
        await rig.work_until_idle(rig.make(concurrency=1))
        return now() - begun

    assert simulate(main) < 5.5


def test_a_body_that_cleans_up_after_its_timeout_is_not_cut_off_by_its_deadline(rig, simulate):
    seen = []

    @rig.task
    async def slow():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(20)
            seen.append("cleaned up")

    async def main():
        policy = TaskPolicy(timeout=3 * SECOND, deadline=5 * SECOND, retries=Retries(max=0))
        task_id = await rig.send("slow", policy=policy)
        await rig.work_until_idle()
        return await rig.look(task_id)

    assert (simulate(main).reason, seen) == (Reason.TIMEOUT, ["cleaned up"])


def test_what_waits_does_not_start_beside_a_thread_that_was_given_up(rig, simulate):
    begun, released, ran = threading.Event(), threading.Event(), []

    @rig.task
    def hang():
        begun.set()
        released.wait(20)

    @rig.task
    async def other():
        ran.append(released.is_set())

    async def main():
        engine = rig.make(kind="thread", concurrency=1)
        policy = TaskPolicy(timeout=SECOND // 10, retries=Retries(max=0))
        running, (hung, *_) = await rig.fill_buffer(engine, ["hang", "other", "other"], policy=policy)
        assert begun.wait(20)  # time does not jump while the loop is held: the thread has the job now
        await rig.tasks.wait_finished([hung], timeout=60 * SECOND)
        waited = bool(engine._slots.waiting)
        await asyncio.sleep(5)
        released.set()
        await engine.idle()
        engine.stop()
        await running
        return waited, (await rig.look(hung)).reason

    assert simulate(main) == (True, Reason.TIMEOUT)
    assert ran == [True, True]


def test_a_worker_that_ended_leaves_no_timer_on_its_loop(rig, simulate):
    @rig.task
    async def nothing():
        pass

    async def main():
        await rig.send("nothing", policy=TaskPolicy(timeout=3600 * SECOND))
        await rig.work_until_idle()
        return [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]

    assert simulate(main) == []
