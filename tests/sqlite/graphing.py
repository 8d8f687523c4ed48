"""A worker on a graph, without an engine, until nothing lives; run by test_graphs.py as `python graphing.py PATH`.

It asks for follow-ups with ids that it derives, as core does, so that an ending sent twice owes them once.
"""

import os
import signal
import sys
import uuid

from omniq.direct import drive
from omniq.models.states import LIVE, Counter, State
from omniq.models.values import SECOND, new_claim_id
from omniq.testing.kit.words import draft, ending, take
from omniq_sqlite import SQLiteBackend, SQLiteOptions

QUEUES = ["graph", "callbacks"]


def callback(task_id):
    """Give the task that follows the end of another."""
    return draft(id=str(uuid.uuid5(uuid.NAMESPACE_OID, task_id)), queue="callbacks", keep=0)


def settled(task):
    if task.queue == "callbacks":
        return ending(task)
    return ending(task, after=(callback(task.fence.task_id),))


def main(path):
    store = SQLiteBackend(SQLiteOptions(path=path)).tasks()
    drive(store.open())
    while True:
        tasks = drive(take(store, 20, queues=QUEUES, lease=SECOND // 5)).tasks
        drive(store.settle([settled(task) for task in tasks]))
        if tasks:
            continue
        lost = drive(store.reclaim(limit=100, lease=SECOND, worker=str(os.getpid()), claim_id=new_claim_id()))
        drive(store.settle([ending(task, State.READY, count=Counter.CRASHES) for task in lost]))
        drive(store.sweep(100))
        counts = drive(store.stats(QUEUES))
        if not any(one.counts[state] for one in counts for state in LIVE):
            return


if __name__ == "__main__":
    signal.alarm(90)
    main(*sys.argv[1:])
