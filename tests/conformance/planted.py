"""Faults to plant: thin wrappers around a real store, of whatever kind, that break one behaviour each.

`CAUGHT` names the cases of the kit that are there for it. The five that a queue must never have are `CARDINAL`.
"""

from __future__ import annotations

import msgspec

from omniq.models.states import State
from omniq.storage.base import Feature
from omniq.storage.records import EnqueueAnswer, Fence, Refusal
from omniq.testing import FaultyStore

__all__ = ("CARDINAL", "CAUGHT", "NEEDS")


class GivesTwice(FaultyStore):
    """An empty claim gives the running task of an earlier one again."""

    async def claim(self, queues, **options):
        claimed = await self.inner.claim(queues, **options)
        if not claimed.tasks and (before := self.__dict__.get("given")):
            return msgspec.structs.replace(claimed, tasks=before)
        self.given = claimed.tasks
        return claimed


class Unfenced(FaultyStore):
    """Settles for anyone."""

    async def settle(self, settlements):
        found = await self.inner.get([one.fence.task_id for one in settlements])
        return await self.inner.settle(
            [
                one if task is None else msgspec.structs.replace(one, fence=Fence(task.id, task.attempt, task.claim_id))
                for one, task in zip(settlements, found, strict=True)
            ]
        )


class ForgetsTheClaimId(FaultyStore):
    """Checks the attempt only, so a reclaimed task answers to its old holder."""

    async def settle(self, settlements):
        found = await self.inner.get([one.fence.task_id for one in settlements])
        return await self.inner.settle(
            [
                one
                if task is None or task.attempt != one.fence.attempt
                else msgspec.structs.replace(one, fence=Fence(task.id, task.attempt, task.claim_id))
                for one, task in zip(settlements, found, strict=True)
            ]
        )


class WrongOrder(FaultyStore):
    """Gives the last first."""

    async def claim(self, queues, **options):
        claimed = await self.inner.claim(queues, **options)
        return msgspec.structs.replace(claimed, tasks=claimed.tasks[::-1])


class LeaksKeys(FaultyStore):
    """A key that was taken once is held for ever."""

    async def enqueue(self, tasks, *, fresh=False):
        taken = self.__dict__.setdefault("taken", {})
        answers = await self.inner.enqueue(
            [one for one in tasks if one.unique is None or one.unique.digest not in taken], fresh=fresh
        )
        for index, one in enumerate(tasks):
            if one.unique is not None:
                holder = taken.setdefault(one.unique.digest, one.id)
                if holder != one.id:
                    answers.append(EnqueueAnswer(index=index, id=one.id, what=Refusal.UNIQUE, holder=holder))
        return answers


class ExpiresEarly(FaultyStore):
    """Counts a ttl 2 µs short."""

    async def enqueue(self, tasks, *, fresh=False):
        return await self.inner.enqueue(
            [one if one.ttl is None else msgspec.structs.replace(one, ttl=one.ttl - 2) for one in tasks],
            fresh=fresh,
        )


class DropsTheFlag(FaultyStore):
    """Forgets to tell a holder that its task was cancelled."""

    async def extend(self, holds, *, lease):
        return [one for one in await self.inner.extend(holds, lease=lease) if one.what != "cancel"]


class IgnoresPauses(FaultyStore):
    async def set_paused(self, queues, on):
        return None


class CountsRepeats(FaultyStore):
    """Takes a settlement that is sent again for another one."""

    async def settle(self, settlements):
        answers = await self.inner.settle(settlements)
        sent = self.__dict__.setdefault("sent", set())
        for one in settlements:
            mark = (one.fence, one.to)
            if mark in sent and one.to is State.READY:
                await self.inner.cancel([one.fence.task_id])
            sent.add(mark)
        return answers


class ReclaimsEarly(FaultyStore):
    """Hands out leases that are shorter than was asked for."""

    async def claim(self, queues, *, lease, **options):
        return await self.inner.claim(queues, lease=lease // 2, **options)


class LosesResults(FaultyStore):
    async def settle(self, settlements):
        return await self.inner.settle([msgspec.structs.replace(one, result=None) for one in settlements])


class AbandonsNothing(FaultyStore):
    async def abandon(self, claim_id):
        return None


class ForgetsFollowUps(FaultyStore):
    async def settle(self, settlements):
        return await self.inner.settle([msgspec.structs.replace(one, after=()) for one in settlements])


class ForgetsEdges(FaultyStore):
    """Takes every parent for ended."""

    async def enqueue(self, tasks, *, fresh=False):
        return await self.inner.enqueue([msgspec.structs.replace(one, parents=()) for one in tasks], fresh=fresh)


class WritesBlindly(FaultyStore):
    """Puts whatever was expected."""

    async def kv_put(self, namespace, key, value, *, expect=-1, due=None):
        return await self.inner.kv_put(namespace, key, value, due=due)


CAUGHT = {
    GivesTwice: {"test_a_running_task_is_not_given_again"},
    Unfenced: {
        "test_the_silent_holder_can_write_nothing_any_more",
        "test_every_part_of_the_fence_is_checked",
        "test_a_claim_id_used_again_does_not_revive_an_old_attempt",
        "test_an_old_ending_is_lost_after_a_requeue",
    },
    ForgetsTheClaimId: {
        "test_the_silent_holder_can_write_nothing_any_more",
        "test_every_part_of_the_fence_is_checked",
    },
    WrongOrder: {
        "test_one_claimer_gets_tasks_in_the_order_of_their_enqueue",
        "test_priority_nine_comes_first_and_zero_last",
        "test_queues_are_emptied_in_the_order_of_the_list",
        "test_delayed_tasks_come_in_the_order_of_becoming_due",
    },
    LeaksKeys: {
        "test_a_key_is_held_until_the_task_has_ended",
        "test_every_ending_frees_the_key",
        "test_a_key_until_started_is_free_once_the_task_runs",
        "test_a_window_is_held_for_its_time_whatever_became_of_the_task",
    },
    ExpiresEarly: {
        "test_a_ready_or_delayed_task_is_expired_by_sweep",
        "test_a_task_past_its_ttl_is_expired_and_never_given",
    },
    DropsTheFlag: {
        "test_what_runs_is_asked_to_stop_and_its_holder_told",
        "test_a_batch_tells_the_lost_and_the_cancelled_and_renews_the_rest",
    },
    IgnoresPauses: {
        "test_a_paused_queue_gives_nothing_and_others_go_on",
        "test_a_pause_is_seen_by_every_handle_and_in_stats",
    },
    CountsRepeats: {"test_a_retry_sent_again_is_counted_once"},
    ReclaimsEarly: {"test_a_lease_is_not_reclaimed_before_its_end"},
    LosesResults: {"test_a_success_is_there_with_its_result"},
    AbandonsNothing: {
        "test_an_abandoned_claim_gives_its_tasks_back_at_no_cost",
        "test_a_claim_that_arrives_after_its_abandon_gives_nothing",
    },
    ForgetsFollowUps: {"test_what_follows_is_there_when_settle_has_answered"},
    ForgetsEdges: {
        "test_a_child_waits_for_its_parent",
        "test_a_diamond_runs_each_node_once_in_order",
        "test_an_unknown_parent_is_named_and_its_child_not_written",
    },
    WritesBlindly: {
        "test_a_missed_expectation_writes_nothing",
        "test_of_many_writers_one_wins",
    },
}

CARDINAL = (GivesTwice, ForgetsTheClaimId, WrongOrder, LeaksKeys, ExpiresEarly)
"""Double claim, lost fence check, wrong order, leaked unique key, early expiry."""
NEEDS = {ForgetsFollowUps: Feature.FOLLOW_UPS, ForgetsEdges: Feature.EDGES, WritesBlindly: Feature.KV}
"""What a store must have for the fault to show."""
