"""All tasks with their indexes, and the few steps in which a task changes its state.

Every operation is made of these steps. What the end of a task means for its children happens in the same
step, whole, however many they are: nothing is ever owed, so `sweep` finds no follow-up to carry out and no
waiting task whose parents it would have to look at again.

Invariant: after each step all indexes agree with the records, which the tests verify one by one.
"""

from __future__ import annotations

from omniq.models.states import OnParent, Reason, State, Verdict, verdict
from omniq.models.values import Micros
from omniq.storage.model.edges import Edges
from omniq.storage.model.indexes import Ids, Queue, expiry_heap, keep_heap, lease_heap
from omniq.storage.model.keys import Keys
from omniq.storage.model.kv import Kv
from omniq.storage.model.record import (
    FAILED,
    GONE,
    READY,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    Record,
    keep_until,
)

__all__ = ("Changes", "Lot", "Table")

_STATES = tuple(State)


class Changes:
    """What has happened since somebody began to listen: whom a push may concern."""

    __slots__ = ("ended", "ready")

    def __init__(self) -> None:
        self.ready: list[str] = []
        """Queues, one entry for each task that became ready, due or not."""
        self.ended: list[str] = []
        """Ids that became terminal or went away."""


class Lot(list[Record]):
    """The tasks of one claim; `left` of them still run under it."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        super().__init__()
        self.left = 0


class Table:
    """The whole state of the model."""

    __slots__ = (
        "abandoned",
        "changes",
        "claims",
        "edges",
        "expiries",
        "ids",
        "keeps",
        "keys",
        "kv",
        "leases",
        "queues",
        "records",
        "seq",
    )

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.queues: dict[str, Queue] = {}
        self.ids = Ids()
        self.leases = lease_heap()
        self.expiries = expiry_heap()
        self.keeps = keep_heap()
        self.claims: dict[int, Lot] = {}
        self.abandoned: dict[int, Micros] = {}
        """Claim ids that give nothing until this time, in order of their abandoning."""
        self.keys = Keys()
        self.edges = Edges()
        self.kv = Kv()
        self.seq = 0
        self.changes: Changes | None = None
        """Set by the owner while somebody waits; not part of the state."""

    def queue(self, name: str) -> Queue:
        """Give a queue, made at its first use."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue()
        return queue

    def insert(self, record: Record) -> None:
        """Take in a new record; its state is written and goes into the indexes."""
        task = record.task
        self.records[task.id] = record
        self.ids.add(task.id)
        queue = self.queues.get(task.queue)
        if queue is None:
            queue = self.queue(task.queue)
        queue.counts[record.state] += 1
        if record.state == READY:
            queue.add(record)
            if self.changes is not None:
                self.changes.ready.append(task.queue)
        elif record.state >= SUCCEEDED:
            self.keeps.push((keep_until(record), record.seq, record))
            if self.changes is not None:
                self.changes.ended.append(task.id)
            return
        if record.expires_at is not None:
            self.expiries.push((record.expires_at, record.seq, record))
        if task.parents:
            self.edges.add(record)

    def make_ready(self, record: Record) -> None:
        """Bring a task to ready from wherever it was; the caller has written run_at."""
        queue = self.queues[record.task.queue]
        queue.counts[record.state] -= 1
        queue.counts[READY] += 1
        if record.expires_at is not None and record.state != WAITING:
            self.expiries.push((record.expires_at, record.seq, record))
        record.state = READY
        queue.add(record)
        if self.changes is not None:
            self.changes.ready.append(record.task.queue)

    def lease(self, record: Record, until: Micros, worker: str, claim_id: int, lot: Lot) -> None:
        """Write a new holder into a running record."""
        record.claim_id = claim_id
        record.worker = worker
        record.lease_until = record.lease_key = until
        lot.append(record)
        lot.left += 1
        self.leases.push((until, record.seq, record))

    def unlease(self, record: Record) -> None:
        """Take the holder of a running record away."""
        lot = self.claims[record.claim_id]
        lot.left -= 1
        if not lot.left:
            del self.claims[record.claim_id]

    def end(
        self,
        now: Micros,
        record: Record,
        state: int,
        reason: Reason | None = None,
        told: list[tuple[str, State]] | None = None,
    ) -> None:
        """End a task, and everything below it that ends with it; `told` takes ids and states down."""
        self._end(now, record, state, reason)
        if told is not None:
            told.append((record.task.id, _STATES[state]))
        if not self.edges.children:
            return
        ended = [record]
        for parent in ended:
            for child in self.edges.open(parent.task.id):
                missing = child.missing
                if missing is None:
                    continue
                meaning = verdict(_STATES[parent.state], child.task.on_parent)
                if meaning is not Verdict.SATISFIED:
                    failed = meaning is Verdict.FAILED
                    self._end(now, child, FAILED if failed else SKIPPED, Reason.PARENT if failed else None)
                    ended.append(child)
                    if told is not None:
                        told.append((child.task.id, _STATES[child.state]))
                    continue
                del missing[parent.task.id]
                if not missing:
                    child.missing = None
                    child.run_at = max(child.run_at, now)
                    self.make_ready(child)

    def remove(self, record: Record) -> None:
        """Let a finished record go."""
        task = record.task
        self.queues[task.queue].counts[record.state] -= 1
        self.keys.release(record)
        del self.records[task.id]
        record.state = GONE
        record.result = record.error = None
        self.ids.remove(task.id)
        if self.changes is not None:
            self.changes.ended.append(task.id)

    def state_by_parents(self, parents: tuple[str, ...], policy: OnParent) -> tuple[int, dict[str, bool] | None]:
        """Say in which state a new task with these parents begins, and which of them it misses."""
        missing: dict[str, bool] = {}
        for parent in parents:
            state = self.records[parent].state
            if state < SUCCEEDED:
                missing[parent] = True
                continue
            meaning = verdict(_STATES[state], policy)
            if meaning is not Verdict.SATISFIED:
                return (FAILED if meaning is Verdict.FAILED else SKIPPED), None
        return (WAITING, missing) if missing else (READY, None)

    def _end(self, now: Micros, record: Record, state: int, reason: Reason | None) -> None:
        task = record.task
        counts = self.queues[task.queue].counts
        counts[record.state] -= 1
        counts[state] += 1
        if record.state == RUNNING:
            self.unlease(record)
        record.state = state
        record.reason = reason
        record.finished_at = now
        record.missing = None
        self.keeps.push((keep_until(record), record.seq, record))
        if task.parents:
            for parent in self.edges.drop(record):
                found = self.records.get(parent)
                if found is not None and found.state >= SUCCEEDED:  # kept for its children until now
                    self.keeps.push((keep_until(found), found.seq, found))
        if self.changes is not None:
            self.changes.ended.append(task.id)
