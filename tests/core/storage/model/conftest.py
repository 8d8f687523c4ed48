"""The invariants of the model, written once and checked after every step of every walk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from omniq.storage.model import Model
from omniq.storage.model.record import READY, RUNNING, SUCCEEDED, WAITING, keep_until
from omniq.storage.model.table import Table


@pytest.fixture(scope="session")
def verify() -> Callable[[Model], None]:
    """Give the check that compares every index with a walk over all records."""

    def check(model: Model) -> None:
        table = model._table
        _states(table)
        _orders(table)
        _edges(table)
        _claims(table)
        assert Model.load(model.dump()).dump() == model.dump()

    return check


def _states(table: Table) -> None:
    for record in table.records.values():
        assert (record.state == WAITING) == (record.missing is not None)
        assert (record.finished_at > 0) == (record.state >= SUCCEEDED)
        if record.state == RUNNING:
            assert 0 < record.lease_key <= record.lease_until
            assert record.claimed
            assert record.attempt > 0
    tally = Counter((record.task.queue, record.state) for record in table.records.values())
    counts = {
        (name, state): count
        for name, queue in table.queues.items()
        for state, count in enumerate(queue.counts)
        if count
    }
    assert counts == tally


def _orders(table: Table) -> None:
    levels = {(name, at): level for name, queue in table.queues.items() for at, level in enumerate(queue.levels)}
    for record in table.records.values():
        task = record.task
        if record.state == READY:
            assert (record.run_at, record.seq, record) in levels[task.queue, task.priority].entries
        if record.state <= READY and record.expires_at is not None:
            assert (record.expires_at, record.seq, record) in table.expiries.entries
        if record.state == RUNNING:
            assert (record.lease_key, record.seq, record) in table.leases.entries
        if record.state >= SUCCEEDED and not table.edges.needed(task.id):
            assert (keep_until(record), record.seq, record) in table.keeps.entries
    assert list(table.ids.before(None)) == sorted(table.records, reverse=True)
    assert list(table.records.values()) == sorted(table.records.values(), key=lambda record: record.seq)


def _edges(table: Table) -> None:
    expected: dict[str, set[str]] = {}
    for record in table.records.values():
        if record.state >= SUCCEEDED:
            continue
        for parent in record.task.parents:
            expected.setdefault(parent, set()).add(record.task.id)
        for parent in record.missing or ():
            assert table.records[parent].state < SUCCEEDED, "nobody would release this child"
    assert {parent: set(children) for parent, children in table.edges.children.items()} == expected


def _claims(table: Table) -> None:
    running = Counter(record.claim_id for record in table.records.values() if record.state == RUNNING)
    assert {claim_id: lot.left for claim_id, lot in table.claims.items()} == running
    for record in table.records.values():
        if record.state == RUNNING:
            assert any(one is record for one in table.claims[record.claim_id])
