"""Faults to plant: thin wrappers around a real store, of whatever kind, that break one behaviour each.

`CAUGHT` names the cases of the kit that are there for it. The five that a queue must never have are `CARDINAL`.
"""

from __future__ import annotations

import asyncio

import msgspec

from omniq.models.states import State
from omniq.storage.base import Feature
from omniq.storage.records import EnqueueAnswer, Fence, Refusal
from omniq.testing import FaultyEventStorage, FaultyResultStorage, FaultyStore

__all__ = ("CARDINAL", "CAUGHT", "CAUGHT_EVENTS", "CAUGHT_RESULTS", "LIES")


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


class RequeuesTwice(FaultyStore):
    """Takes a requeue that is sent again for another one."""

    async def requeue(self, ids, *, delay=0):
        answers = await self.inner.requeue(ids, delay=delay)
        for one, answer in zip(ids, answers, strict=True):
            if answer == "live" and one in self.__dict__.setdefault("sent", set()):
                await self.inner.delete(await self.inner.cancel([one]) and [one])
            self.__dict__.setdefault("sent", set()).add(one)
        return answers


class ForgetsTombstones(FaultyStore):
    """Takes an id that has ended for a new one."""

    async def enqueue(self, tasks, *, fresh=False):
        await self.inner.delete([one.id for one in tasks])
        return await self.inner.enqueue(tasks, fresh=fresh)


class ReclaimsWithoutTheLease(FaultyStore):
    """Takes over whatever runs, and says so to nobody."""

    async def extend(self, holds, *, lease):
        await self.inner.extend(holds, lease=lease)
        return []


class EndsForTheFirst(FaultyStore):
    """Does not tell the second of two endings that the first was written."""

    async def settle(self, settlements):
        return [one for one in await self.inner.settle(settlements) if one.what != "done"]


class NeverPurges(FaultyStore):
    async def sweep(self, limit):
        return msgspec.structs.replace(await self.inner.sweep(limit), purged=0)


class Suspends(FaultyStore):
    """Hands the loop over in every call, as a store that talks to a server must."""

    async def _pass(self, operation, args, kwargs):
        await asyncio.sleep(0)
        return await super()._pass(operation, args, kwargs)


class ListsByChance(FaultyStore):
    """Gives a page in no order that means anything."""

    async def list(self, where, *, limit=100, after=None):
        page = await self.inner.list(where, limit=limit, after=after)
        return msgspec.structs.replace(page, items=sorted(page.items, key=lambda one: hash(one.id)))


class OffersTransactions(FaultyStore):
    """Has what would join a transaction, and does not declare it."""

    async def enqueue_in(self, connection, tasks):
        return await self.inner.enqueue(tasks)


class FindsByTaskAlone(FaultyResultStorage):
    """Serves the latest result of a task, whoever left it."""

    async def put(self, results):
        return await self.inner.put([(_any_attempt(fence), result) for fence, result in results])

    async def get(self, fences):
        return await self.inner.get([_any_attempt(fence) for fence in fences])


class KeepsResultsTooLong(FaultyResultStorage):
    async def put(self, results):
        return await self.inner.put(
            [(fence, msgspec.structs.replace(one, keep=2 * one.keep)) for fence, one in results]
        )


class WritesEventsTwice(FaultyEventStorage):
    """Takes an event that is sent again for another one."""

    async def append(self, events):
        sent = self.__dict__.setdefault("sent", set())
        await self.inner.append(
            [msgspec.structs.replace(one, id=f"{one.id}-2") if one.id in sent else one for one in events]
        )
        sent.update(one.id for one in events)


class LosesTheReadersPlace(FaultyEventStorage):
    """Begins every page at the start."""

    async def read(self, where, *, after=None, limit=100):
        return await self.inner.read(where, limit=limit)


class PurgesWhatIsYoung(FaultyEventStorage):
    async def purge(self, before, limit):
        return await self.inner.purge(before + 1, limit)


def _any_attempt(fence):
    return msgspec.structs.replace(fence, attempt=1, claim_id=1)


CAUGHT = {
    GivesTwice: {"test_a_running_task_is_not_given_again"},
    Unfenced: {
        "test_a_settle_that_arrives_after_a_takeover_is_lost",
        "test_a_copy_of_a_retry_that_arrives_in_the_next_attempt_is_lost",
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
    CountsRepeats: {
        "test_a_retry_sent_again_is_counted_once",
        "test_a_settle_in_bad_weather_ends_each_task_once_and_answers_the_same",
    },
    RequeuesTwice: {"test_cancel_requeue_and_delete_in_bad_weather_act_once"},
    ForgetsTombstones: {
        "test_the_same_task_again_is_known_with_its_state",
        "test_a_copy_of_an_enqueue_that_arrives_after_the_end_is_known",
    },
    ReclaimsWithoutTheLease: {"test_an_extend_that_arrives_after_a_takeover_is_lost"},
    EndsForTheFirst: {"test_of_two_different_endings_of_one_attempt_one_is_written"},
    NeverPurges: {"test_whatever_way_a_task_ended_it_is_purged_after_its_keep"},
    ReclaimsEarly: {"test_a_lease_is_not_reclaimed_before_its_end"},
    LosesResults: {"test_a_success_is_there_with_its_result"},
    AbandonsNothing: {
        "test_a_claim_whose_answer_was_lost_is_undone_and_strands_no_task",
        "test_a_claim_that_arrives_after_its_abandon_takes_nothing_along",
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
        "test_of_many_writers_of_one_version_one_wins_and_the_entry_is_its",
    },
}
CAUGHT_RESULTS = {
    FindsByTaskAlone: {
        "test_a_result_is_found_by_the_whole_fence_only",
        "test_a_put_that_arrives_late_is_found_by_its_own_fence_only",
    },
    KeepsResultsTooLong: {
        "test_a_result_past_its_keep_is_gone_and_purged",
        "test_a_call_in_bad_weather_leaves_what_one_call_leaves",
    },
}
CAUGHT_EVENTS = {
    WritesEventsTwice: {
        "test_an_event_sent_again_is_there_once",
        "test_a_call_in_bad_weather_leaves_what_one_call_leaves",
    },
    LosesTheReadersPlace: {
        "test_a_reader_goes_on_where_it_stopped",
        "test_pages_of_any_size_give_everything_once",
    },
    PurgesWhatIsYoung: {
        "test_old_events_are_purged_oldest_first_in_bounded_steps",
        "test_a_call_in_bad_weather_leaves_what_one_call_leaves",
    },
}

CARDINAL = (GivesTwice, ForgetsTheClaimId, WrongOrder, LeaksKeys, ExpiresEarly)
"""Double claim, lost fence check, wrong order, leaked unique key, early expiry."""
LIES = (
    (Feature.DIRECT, Suspends),
    (Feature.STRICT_ORDER, WrongOrder),
    (Feature.INDEXED_LIST, ListsByChance),
    (Feature.TRANSACTIONS, FaultyStore),
    (Feature.NONE, OffersTransactions),
)
"""Features that are declared, and stores that do not have them; with none: one that has more than it says."""
