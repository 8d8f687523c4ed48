"""Rules that the walks do not reach by chance: bounds, cascades, what is shown."""

from __future__ import annotations

from omniq.models.states import OnParent, Reason, State, Until
from omniq.models.values import SECOND
from omniq.storage.model import Model
from omniq.storage.model.holding import MAX_EXPIRED
from omniq.storage.records import (
    EnqueueAnswer,
    Hold,
    NewTask,
    Refusal,
    RequeueAnswer,
    SettleAnswer,
    Settlement,
    TaskRecord,
    Trouble,
    UniqueKey,
)

NOW = 1_000 * SECOND


def task(task_id: str, **changes: object) -> NewTask:
    return NewTask(**{"id": task_id, "name": "m:f", "digest": b"d", **changes})  # type: ignore[arg-type]


def claim(model: Model, limit: int = 1, claim_id: int = 7) -> list[Settlement]:
    claimed = model.claim(NOW, ["default"], limit=limit, lease=SECOND, worker="w", claim_id=claim_id)
    return [Settlement(fence=one.fence, ref=one.ref, to=State.SUCCEEDED) for one in claimed.tasks]


def only(model: Model, task_id: str) -> TaskRecord:
    [found] = model.get([task_id])
    assert found is not None
    return found


def test_the_end_of_one_parent_goes_down_a_chain_of_any_length() -> None:
    model = Model()
    chain = [task("0"), *(task(str(n), parents=(str(n - 1),)) for n in range(1, 5_000))]
    model.enqueue(NOW, chain)

    model.cancel(NOW, ["0"])

    assert only(model, "4999").state is State.SKIPPED


def test_a_child_that_fails_with_its_parent_says_so() -> None:
    model = Model()
    model.enqueue(NOW, [task("p"), task("c", parents=("p",), on_parent=OnParent.FAIL)])

    model.cancel(NOW, ["p"])

    assert (only(model, "c").state, only(model, "c").reason) == (State.FAILED, Reason.PARENT)


def test_a_parent_named_twice_counts_once() -> None:
    model = Model()
    model.enqueue(NOW, [task("p"), task("c", parents=("p", "p"))])
    model.settle(NOW, claim(model))

    assert only(model, "c").state is State.READY
    model.settle(NOW, claim(model))
    assert model.delete(["p"]) == ["deleted"]


def test_the_answers_of_enqueue_come_in_the_order_of_the_contract() -> None:
    model = Model()
    key = UniqueKey(b"k" * 16)
    model.enqueue(NOW, [task("held", unique=key)])

    answers = model.enqueue(
        NOW,
        [
            task("held", unique=key),
            task("held", digest=b"other"),
            task("u", unique=key, parents=("nobody",)),
            task("child", parents=("u",), insert_before=NOW),
            task("grandchild", parents=("child",)),
            task("l", insert_before=NOW),
            task("in time", insert_before=NOW + 1),
            task("self", parents=("self",)),
            task("below a conflict", parents=("held",)),
        ],
    )

    assert answers == [
        EnqueueAnswer(index=0, id="held", what=Refusal.KNOWN, state=State.READY),
        EnqueueAnswer(index=1, id="held", what=Refusal.CONFLICT),
        EnqueueAnswer(index=2, id="u", what=Refusal.UNIQUE, holder="held"),
        EnqueueAnswer(index=3, id="child", what=Refusal.PARENT, holder="u"),
        EnqueueAnswer(index=4, id="grandchild", what=Refusal.PARENT, holder="child"),
        EnqueueAnswer(index=5, id="l", what=Refusal.LATE),
        EnqueueAnswer(index=7, id="self", what=Refusal.PARENT, holder="self"),
        EnqueueAnswer(index=8, id="below a conflict", what=Refusal.PARENT, holder="held"),
    ]


def test_a_claim_clears_a_bounded_number_of_expired_tasks_away() -> None:
    model = Model()
    model.enqueue(NOW - SECOND, [task(str(n), ttl=SECOND) for n in range(MAX_EXPIRED + 1)])
    model.enqueue(NOW, [task("alive")])

    first = model.claim(NOW, ["default"], limit=1, lease=SECOND, worker="w", claim_id=7)
    second = model.claim(NOW, ["default"], limit=1, lease=SECOND, worker="w", claim_id=8)

    assert (len(first.expired), first.tasks, first.next_due) == (MAX_EXPIRED, [], 0)
    assert (len(second.expired), [one.fence.task_id for one in second.tasks]) == (1, ["alive"])


def test_follow_ups_are_written_with_the_ending_and_dropped_with_a_cancel() -> None:
    model = Model()
    model.enqueue(NOW, [task("a"), task("b")])
    done, flagged = claim(model, 2)
    model.cancel(NOW, ["b"])
    endings = [
        Settlement(fence=done.fence, ref=0, to=State.SUCCEEDED, after=(task("after a"), task("a"))),
        Settlement(fence=flagged.fence, ref=0, to=State.FAILED, after=(task("after b"),)),
    ]

    assert model.settle(NOW, endings) == [SettleAnswer("b", Trouble.CANCELLED)]
    assert model.settle(NOW, endings) == [SettleAnswer("b", Trouble.CANCELLED)]
    assert [found and found.id for found in model.get(["after a", "after b"])] == ["after a", None]


def test_a_released_task_that_is_past_its_ttl_is_swept() -> None:
    model = Model()
    model.enqueue(NOW, [task("a", ttl=SECOND)])
    [held] = claim(model)
    model.sweep(NOW + SECOND, 10)
    model.settle(NOW + SECOND, [Settlement(fence=held.fence, ref=0, to=State.READY)])

    assert model.sweep(NOW + SECOND, 10).ended == [("a", State.EXPIRED)]


def test_a_window_holds_its_key_whatever_becomes_of_the_task() -> None:
    model = Model()
    first, second = (task(one, unique=UniqueKey(b"k" * 16, until=Until.WINDOW, window=SECOND)) for one in "ab")
    model.enqueue(NOW, [first])
    model.cancel(NOW, ["a"])
    model.delete(["a"])

    assert [one.what for one in model.enqueue(NOW + SECOND - 1, [second])] == [Refusal.UNIQUE]
    assert model.enqueue(NOW + SECOND, [second]) == []


def test_a_requeue_is_held_off_by_the_new_holder_of_the_key() -> None:
    model = Model()
    key = UniqueKey(b"k" * 16)
    model.enqueue(NOW, [task("a", unique=key)])
    model.cancel(NOW, ["a"])
    model.enqueue(NOW, [task("b", unique=key)])

    assert model.requeue(NOW, ["a"]) == [RequeueAnswer.HELD]
    model.cancel(NOW, ["b"])
    assert model.requeue(NOW, ["a", "b"]) == [RequeueAnswer.REQUEUED, RequeueAnswer.HELD]


def test_stats_count_every_state_and_know_the_oldest() -> None:
    model = Model()
    model.enqueue(NOW - 5, [task("a"), task("b", priority=9), task("c", delay=SECOND)])
    model.set_paused(["idle"], True)
    claim(model)

    [default, idle, unknown] = model.stats(NOW, ["unknown", "default", "idle"])[0:3]

    assert (default.counts[State.READY], default.counts[State.RUNNING], default.oldest_ready) == (2, 1, 5)
    assert (idle.paused, idle.oldest_ready) == (True, None)
    assert set(unknown.counts.values()) == {0}
    assert [one.queue for one in model.stats(NOW)] == ["default", "idle"]


def test_a_renewal_never_makes_a_lease_shorter() -> None:
    model = Model()
    model.enqueue(NOW, [task("a")])
    [held] = claim(model)

    for lease, until in ((1, NOW + SECOND), (2 * SECOND, NOW + 2 * SECOND)):
        assert model.extend(NOW, [Hold(held.fence, 0)], lease=lease) == []
        assert only(model, "a").lease_until == until


def test_a_child_is_eligible_from_the_end_of_its_last_parent_or_its_own_time() -> None:
    model = Model()
    model.enqueue(
        NOW - SECOND,
        [
            task("p"),
            task("waited", parents=("p",)),
            task("delayed", parents=("p",), delay=5 * SECOND),
        ],
    )
    model.settle(NOW, claim(model))

    assert only(model, "waited").run_at == NOW
    assert only(model, "delayed").run_at == NOW + 4 * SECOND


def test_a_task_that_a_heap_holds_twice_expires_once_in_a_claim() -> None:
    model = Model()
    model.enqueue(NOW, [task("a", ttl=SECOND)])
    model.cancel(NOW, ["a"])
    model.requeue(NOW, ["a"])  # ready since the same moment: its entry of before is true again

    claimed = model.claim(NOW + SECOND, ["default"], limit=5, lease=SECOND, worker="w", claim_id=7)

    assert claimed.expired == ["a"]
    assert model.stats(NOW, ["default"])[0].counts[State.EXPIRED] == 1
