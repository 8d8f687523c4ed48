"""A graph that several processes work on while they are killed: every task once, every child after its parents."""

import random
import runpy
import sqlite3
import subprocess
import sys
from pathlib import Path

from omniq.direct import drive
from omniq.models.states import State
from omniq.testing.kit.words import draft, enqueue
from omniq_sqlite import SQLiteBackend, SQLiteOptions

SCRIPT = Path(__file__).with_name("graphing.py")
KILLS = 12
WORKERS = 3


def graph():
    """Layers of tasks with parents in the layer before, and one task that all of a large layer wait for."""
    chance = random.Random(7)
    layers = [[draft(queue="graph") for _ in range(60)]]
    for size in (200, 100, 300):
        names = [one.id for one in layers[-1]]
        layers.append([draft(queue="graph", parents=tuple(chance.sample(names, 3))) for _ in range(size)])
    gate = draft(queue="graph", parents=tuple(one.id for one in layers[-1]))
    wide = [draft(queue="graph", parents=(gate.id,)) for _ in range(2_500)]
    return [*(one for layer in layers for one in layer), gate, *wide]


def ended(path):
    with sqlite3.connect(path) as reader:
        count = reader.execute("select count(*) from task where state >= 3").fetchone()[0]
    reader.close()
    return count


def worker(path):
    return subprocess.Popen([sys.executable, SCRIPT, path], stderr=subprocess.PIPE, text=True)


def work_under_kills(path, total):
    """Kill one of the workers each time that another piece of the graph is done."""
    crew = [worker(path) for _ in range(WORKERS)]
    chance = random.Random(1)
    for number in range(1, KILLS + 1):
        while ended(path) < total * number // (KILLS + 1) and any(one.poll() is None for one in crew):
            pass
        victim = crew.pop(chance.randrange(WORKERS))
        victim.kill()
        victim.communicate()
        crew.append(worker(path))
    for one in crew:
        assert (one.communicate(timeout=90)[1], one.returncode) == ("", 0)


def test_a_graph_is_done_once_and_in_order_whoever_is_killed(path):
    tasks = graph()
    store = SQLiteBackend(SQLiteOptions(path=str(path))).tasks()
    drive(store.open())
    drive(enqueue(store, *tasks))

    work_under_kills(path, 2 * len(tasks))

    records = {one.id: one for one in drive(store.get([task.id for task in tasks]))}
    assert {one.state for one in records.values()} == {State.SUCCEEDED}
    assert all(records[one.id].started_at >= records[parent].finished_at for one in tasks for parent in one.parents), (
        "a child started before its parent had ended"
    )
    callback = runpy.run_path(str(SCRIPT))["callback"]
    called = drive(store.get([callback(task.id).id for task in tasks]))
    assert {one.state for one in called} == {State.SUCCEEDED}
    drive(store.close())
    with sqlite3.connect(path) as reader:
        left = [reader.execute(f"select count(*) from {table}").fetchone()[0] for table in ("edge", "owed", "task")]
        assert reader.execute("pragma integrity_check").fetchone() == ("ok",)
    reader.close()
    assert left == [0, 0, 2 * len(tasks)]
