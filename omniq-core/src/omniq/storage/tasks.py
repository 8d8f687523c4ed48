"""The contract of a task store.

A store moves records between states atomically, many at a time, and decides nothing. Retry, back-off, TTL
policy, dead letters, timeouts and events live once, in core.

Rules for every operation:

- Plural. Items take effect in input order as if sent singly; equal items in one batch are legal.
- Concurrent. A caller may have any number of calls in flight; each stays atomic alone, and a failing one
  affects nobody.
- Repeatable, but `claim`: a repeat with equal arguments leaves the same end state.
- Expected outcomes are answers. Raised only: StoreUnavailable (outcome unknown: repeat the same call),
  StoreFull (this unit was not written), StoreClosed, StoreCorrupt.
- Random values, ids and retry times are drawn by the caller. Stores never log, emit events or retry.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from omniq.models.values import Micros
from omniq.storage.base import BaseStore
from omniq.storage.records import (
    CancelAnswer,
    Claimed,
    ClaimedTask,
    DeleteAnswer,
    EnqueueAnswer,
    ExtendAnswer,
    Hold,
    KvEntry,
    NewTask,
    Page,
    QueueStats,
    RequeueAnswer,
    SettleAnswer,
    Settlement,
    Swept,
    TaskRecord,
    Where,
)

__all__ = ("ANY_VERSION", "BaseTaskQueue")

ANY_VERSION = -1
"""`expect` of a kv operation that does not care; 0 expects that there is no entry."""


class BaseTaskQueue(BaseStore):
    """Where tasks live, with their results, keys and edges."""

    @abstractmethod
    async def enqueue(self, tasks: Sequence[NewTask], *, fresh: bool = False) -> list[EnqueueAnswer]:
        """Write new tasks; answer only those that were not created.

        `known`: the id exists with the same digest. `conflict`: with another. `unique`: the key is held, by
        `holder`; of two in one batch the first wins. `parent`: a parent is unknown, or was refused earlier in
        this batch. `late`: store now >= insert_before. Checks come in that order, ids before keys. A parent
        that has already ended counts at once, by `on_parent`.

        Args:
            fresh: core has just made these ids, so looking among finished tasks may be left out. Never set on
                a repeat, a derived id or a user's id.
        Repeat: same answers while the records are unchanged (a created one answers `known`).
        Cost: one round trip; about that of one task for a batch.
        """

    @abstractmethod
    async def claim(
        self,
        queues: Sequence[str],
        *,
        limit: int,
        lease: Micros,
        worker: str,
        claim_id: int,
        wait: Micros = 0,
    ) -> Claimed:
        """Give up to `limit` ready tasks to one holder.

        Queue by queue in the order given; inside one by priority 9 to 0, then eligible_at, then place in the
        enqueuing call. A paused queue gives nothing. A task at or past its expires_at becomes `expired` on
        the way and is never given; children that become ready by it are for the next claim.

        Args:
            lease: µs from the store's now; renew with `extend` before it ends.
            claim_id: random, drawn by the caller, one a call.
            wait: µs to stand by while nothing is ready; 0 answers at once, the only value under the direct
                mark. The answer comes as soon as one task can be had.
        Raises:
            StoreUnavailable: outcome unknown. Call `abandon(claim_id)`, then claim with a new id.
        Repeat: never, alone among the operations.
        Cost: O(limit), whatever future-dated, running, paused or finished tasks stand around.
        """

    @abstractmethod
    async def abandon(self, claim_id: int) -> None:
        """Undo a claim whose answer was lost, by the handle that claimed (or a companion).

        What runs under this claim goes back to ready, place kept, releases+1. A claim with this id that
        arrives within 60 s gives nothing.
        """

    @abstractmethod
    async def extend(self, holds: Sequence[Hold], *, lease: Micros) -> list[ExtendAnswer]:
        """Renew leases: lease_until = max(old, now + lease).

        Allowed after expiry while nobody took over. Answers `lost` ones, those with the cancel flag, and new
        refs where the store moves them.
        """

    @abstractmethod
    async def settle(self, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
        """Write how attempts ended, each with its result and what must follow, in one step a task.

        Answers: `lost`; `cancelled` (the flag was set and ready or failed was asked for: result and `after`
        are dropped); `done` (this fence had ended the task otherwise before). The same fence with the same
        ending again is fine and not answered. An item of `after` never fails a settlement.

        Raises:
            StoreFull: only on a full disk; where a limit of the engine refuses enqueue, settle still works.
        Cost: one round trip; a list of plain successes is the fast path.
        """

    @abstractmethod
    async def reclaim(self, *, limit: int, lease: Micros, worker: str, claim_id: int) -> list[ClaimedTask]:
        """Take over leases past expiry, oldest first, of any queue, paused or not.

        New claim id, same attempt, nothing counted, no payload; the cancel flag comes along. Core judges what
        crashed and settles. Running records without a lease count as past.
        """

    @abstractmethod
    async def cancel(self, ids: Sequence[str]) -> list[CancelAnswer]:
        """Cancel what waits, flag what runs; one answer an id, in order."""

    @abstractmethod
    async def requeue(self, ids: Sequence[str], *, delay: Micros = 0) -> list[RequeueAnswer]:
        """Put tasks that ended badly back to ready; one answer an id, in order.

        Counters 0, attempt kept, epoch+1; cancel flag, reason, error, result, note and finished_at cleared;
        ttl counted anew; parents not asked again. `held`: another task holds the unique key.
        """

    @abstractmethod
    async def delete(self, ids: Sequence[str]) -> list[DeleteAnswer]:
        """Remove finished tasks; one answer an id, in order. `needed`: a live child names it."""

    @abstractmethod
    async def get(self, ids: Sequence[str], *, payload: bool = False, result: bool = False) -> list[TaskRecord | None]:
        """Read tasks; one answer an id, in order, None for an unknown one."""

    @abstractmethod
    async def stats(self, queues: Sequence[str] | None = None) -> list[QueueStats]:
        """Count the named queues, or all that are known, sorted by name. An unknown one has zeros."""

    @abstractmethod
    async def wait_finished(self, ids: Sequence[str], *, timeout: Micros) -> list[str]:
        """Answer when at least one is terminal or unknown, at the latest after `timeout`; in input order.

        Never called under the direct mark with a timeout over 0.
        """

    @abstractmethod
    async def set_paused(self, queues: Sequence[str], on: bool) -> None:
        """Stop or resume giving from these queues; running tasks go on. Holds once this returned."""

    @abstractmethod
    async def sweep(self, limit: int) -> Swept:
        """Do a bounded piece of housekeeping.

        Expire what is past its ttl, carry out owed follow-ups, purge what is past keep_until (not while it
        owes something or a live child names it), look again at the parents of tasks waiting over 60 s.
        """

    @abstractmethod
    async def kv_get(self, namespace: str, key: str) -> KvEntry | None:
        """Read one entry."""

    @abstractmethod
    async def kv_put(
        self, namespace: str, key: str, value: bytes, *, expect: int = ANY_VERSION, due: Micros | None = None
    ) -> int | None:
        """Write one entry by compare-and-set; give its version (1 or more), None where `expect` missed.

        Missed but value and due equal: fine, that was our own lost reply. `due` is absolute.
        """

    @abstractmethod
    async def kv_delete(self, namespace: str, key: str, *, expect: int = ANY_VERSION) -> bool:
        """Remove one entry by compare-and-set; True also where it is gone already, False where it missed."""

    @abstractmethod
    async def kv_list(
        self, namespace: str, *, limit: int = 100, after: str | None = None
    ) -> tuple[list[KvEntry], str | None]:
        """Read entries in order of their keys, with the value for `after` of the next page."""

    @abstractmethod
    async def kv_due(self, namespace: str, *, limit: int = 100) -> tuple[list[KvEntry], Micros | None]:
        """Read entries whose due is past, earliest first, and µs to the next that is not (None: no other)."""

    @abstractmethod
    async def list(self, where: Where, *, limit: int = 100, after: str | None = None) -> Page:
        """Read a page, newest first; `after` is the `next` of the page before, opaque.

        Raises:
            ValueError: `after` is no such value.
        """
