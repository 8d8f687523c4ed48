"""What an operation costs: statements, plans and steps are counted, time is not measured."""

import re

import pytest

from omniq.models.states import OnParent, State, Until
from omniq.models.values import DAY, HOUR, MINUTE
from omniq.storage.records import NewTask, Where
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import LEASE, draft, end, ending, enqueue, hold, key, settle, take, take_one
from omniq_sqlite.tasks import claim, follow_ups


@pytest.fixture
async def statements(store, sessions):
    """What the connection ran since the last clear()."""
    await enqueue(store, draft())
    await take(store)
    ran = []
    sessions[0].connection.set_trace_callback(ran.append)
    return ran


def words(statements):
    return [one.split(None, 1)[0].lower() for one in statements]


async def test_a_lone_task_is_one_statement_and_no_transaction_around_it(store, statements):
    await store.enqueue([draft()])

    assert words(statements) == ["insert"]


async def test_a_large_task_is_one_transaction(store, statements):
    await store.enqueue([draft(payload=bytes(4096))])

    assert words(statements) == ["begin", "insert", "insert", "commit"]


async def test_a_batch_is_one_statement_per_128_tasks(store, statements):
    await store.enqueue([draft() for _ in range(256)])

    assert words(statements) == ["begin", "insert", "insert", "commit"]


async def test_a_claim_takes_as_many_statements_for_a_hundred_as_for_one(store, statements):
    await store.enqueue([draft() for _ in range(101)])
    statements.clear()
    await take(store, 1)
    one = words(statements)
    statements.clear()

    await take(store, 100)

    assert words(statements) == one == ["begin", "select", "select", "update", "commit"]


async def test_successes_are_one_statement_per_128(store, statements):
    await store.enqueue([draft() for _ in range(100)])
    claimed = await take(store, 100)
    statements.clear()

    await store.settle([ending(task, result=b"1") for task in claimed.tasks])

    assert words(statements) == ["begin", "with", "commit"]


async def test_tasks_with_a_key_cost_no_more_while_no_timed_key_is_held(store, statements):
    await store.enqueue([draft(unique=key("a"))])
    assert words(statements) == ["insert"]
    statements.clear()

    await store.enqueue([draft(unique=key(str(number))) for number in range(100)])

    assert words(statements) == ["begin", "select", "insert", "commit"]


async def test_a_task_among_parents_and_children_is_enqueued_claimed_and_settled_at_the_plain_price(store, statements):
    [parent] = await enqueue(store, draft(queue="other"))
    await enqueue(store, *(draft(parents=(parent,), queue="other") for _ in range(100)))
    statements.clear()

    await store.enqueue([draft()])
    [task] = (await take(store, 1)).tasks
    await store.settle([ending(task, result=b"1")])

    assert words(statements) == ["insert", "begin", "select", "select", "update", "commit", "begin", "with", "commit"]


async def test_a_parent_tells_a_hundred_children_at_the_price_of_one(store, statements):
    async def cost(count):
        [parent] = await enqueue(store, draft())
        await enqueue(store, *(draft(parents=(parent,), queue="kids") for _ in range(count)))
        [task] = (await take(store, 1)).tasks
        statements.clear()
        await store.settle([ending(task)])
        return words(statements)

    one = await cost(1)

    assert await cost(100) == one
    assert one == ["begin", "with", "select", "with", "select", "select", "update", "update", "commit"]


async def test_a_hundred_children_are_enqueued_at_the_price_of_one(store, statements):
    [parent] = await enqueue(store, draft(queue="other"))

    async def cost(count):
        statements.clear()
        await store.enqueue([draft(parents=(parent,)) for _ in range(count)])
        return len(statements)

    assert await cost(100) <= await cost(2) + 2


async def test_successes_with_callbacks_are_settled_many_to_a_statement(store, statements):
    await store.enqueue([draft() for _ in range(100)])
    claimed = await take(store, 100)
    await enqueue(store, draft(queue="cb"))
    statements.clear()

    await store.settle([ending(task, after=(draft(queue="cb"),)) for task in claimed.tasks])

    assert words(statements) == ["begin", "select", "with", "select", "insert", "commit"]


async def test_a_renewal_is_one_statement(store, statements):
    await store.enqueue([draft() for _ in range(100)])
    claimed = await take(store, 100)
    statements.clear()

    await store.extend([hold(task) for task in claimed.tasks], lease=LEASE)

    assert words(statements) == ["begin", "update", "commit"]


async def test_batches_of_any_length_share_four_texts(store, sessions):
    texts = set()
    for count in range(1, 140):
        claimed = []
        sessions[0].connection.set_trace_callback(None)
        await store.enqueue([draft() for _ in range(count)])
        claimed = await take(store, count)
        sessions[0].connection.set_trace_callback(
            lambda text: texts.add(len(re.findall(r"\),\(", text))) if text.startswith("with") else None
        )
        await store.settle([ending(task) for task in claimed.tasks])

    assert texts == {0, 7, 31, 127}


async def run_everything(store):
    ids = [draft().id, await end(store, State.SUCCEEDED), await end(store, State.FAILED)]
    await store.enqueue([draft(id=ids[0], payload=bytes(1000)), draft(ttl=0), draft(id=ids[0])])
    claimed = await take(store, 2, queues=["default", "other"])
    await store.extend([hold(task, b"note") for task in claimed.tasks], lease=LEASE)
    await store.settle([ending(task, State.READY, delay=1) for task in claimed.tasks])
    await store.settle([ending(task) for task in claimed.tasks])
    await store.abandon(7)
    await store.reclaim(limit=5, lease=LEASE, worker="kit", claim_id=8)
    await store.cancel(ids)
    await store.requeue(ids)
    await store.delete(ids)
    await store.get(ids, payload=True, result=True)
    await store.wait_finished(ids, timeout=0)
    await store.set_paused(["other"], True)
    await store.sweep(10)
    await store.list(Where(queue="default"), limit=10)
    await run_a_graph(store)
    for due in (None, 1):
        await store.kv_put("ns", "k", b"v", due=due)
    await store.kv_list("ns")
    await store.kv_list("ns", after="a")
    await store.kv_due("ns")
    await store.kv_delete("ns", "k")


async def run_a_graph(store):
    """Children of every policy, keys for a time, callbacks, marks, and what housekeeping does with them."""
    parents = await enqueue(store, *(draft(queue="graph") for _ in range(4)))
    children = [draft(parents=tuple(parents), on_parent=policy, queue="kids") for policy in OnParent]
    many = draft(parents=tuple(parents * 10), queue="kids", payload=bytes(1000))
    await enqueue(store, *children, many, draft(parents=(children[0].id,), queue="kids"))
    timed = draft(unique=key("timed", until=Until.WINDOW, window=MINUTE), queue="kids")
    await store.enqueue([timed, draft(unique=key("timed")), draft(parents=("gone",)), *children])
    for state in (State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED):
        await settle(store, await take_one(store, queues=["graph"]), state, after=(draft(queue="cb"),), delay=DAY)
    await store.cancel([many.id, parents[2]])
    await store.get([many.id])
    await store.requeue([children[0].id, many.id])
    await store.delete(parents)
    await store.sweep(10)


def walks(connection, ran):
    """Give what a statement of these walks over, with the statement."""
    texts = [one for one in ran if one.split(None, 1)[0].lower() in ("insert", "select", "update", "delete", "with")]
    assert len(texts) > 25
    return [
        (step[3], text)
        for text in texts
        for step in connection.execute(f"explain query plan {text}")
        if re.match(TABLES, step[3])
    ]


TABLES = r"SCAN (task|t|p|c|big|queue|result|edge|e|owed|timed|kv|event)\b(?! USING COVERING INDEX q_paused)"


async def test_no_statement_walks_the_table(store, sessions):
    ran = set()
    sessions[0].connection.set_trace_callback(ran.add)
    await run_everything(store)
    sessions[0].connection.set_trace_callback(None)

    assert walks(sessions[0].connection, ran) == []


async def test_no_statement_of_marks_and_of_looking_again_walks_the_table(make, sessions, monkeypatch):
    monkeypatch.setattr(follow_ups, "BUDGET", 2)
    store = make()
    store.clock = clock = VirtualClock()
    async with store:
        ran = set()
        sessions[0].connection.set_trace_callback(ran.add)
        await run_a_graph(store)
        [parent] = await enqueue(store, draft(delay=DAY))
        await enqueue(store, draft(parents=(parent,)))
        clock.step(2 * DAY)
        await store.sweep(100)
        sessions[0].connection.set_trace_callback(None)

        assert any("left join task p" in text for text in ran)
        assert any(text.startswith("insert into owed") for text in ran)
        assert walks(sessions[0].connection, ran) == []


async def steps(store, sessions, **options):
    """Count the steps of the engine's machine for one claim of ten tasks."""
    count = 0

    def step():
        nonlocal count
        count += 1
        return 0

    sessions[0].connection.set_progress_handler(step, 1)
    claimed = await take(store, 10, **options)
    sessions[0].connection.set_progress_handler(None, 1)
    assert len(claimed.tasks) == 10
    return count


def plenty(**fields):
    return [draft(**fields) for _ in range(10)]


@pytest.mark.parametrize("crowd", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_what_stands_in_front_costs_a_claim_nothing(store, sessions, crowd):
    await store.enqueue(plenty())
    alone = await steps(store, sessions)
    await store.enqueue([draft(delay=DAY, priority=priority) for priority in range(10) for _ in range(crowd // 10)])
    await store.enqueue([draft(queue="busy") for _ in range(crowd)])
    running = await take(store, crowd, queues=["busy"])
    await store.settle([ending(task) for task in running.tasks[: crowd // 2]])
    await store.enqueue(plenty())
    await store.enqueue([draft() for _ in range(crowd)])

    crowded = await steps(store, sessions)

    assert crowded <= alone + 100  # a step or two an arm: a future-dated task ends each, none is walked


async def test_expired_tasks_on_the_way_are_met_once_and_bounded(store, monkeypatch):
    monkeypatch.setattr(claim, "_EXPIRED_AT_ONCE", 20)
    await store.enqueue([draft(ttl=0) for _ in range(45)])
    await store.enqueue([draft()])

    first = await take(store, 10)
    second = await take(store, 10)
    third = await take(store, 10)

    assert [len(one.expired) for one in (first, second, third)] == [20, 20, 5]
    assert [len(one.tasks) for one in (first, second, third)] == [0, 0, 1]
    assert first.next_due == 0


async def test_sixty_queues_are_asked_in_order(store):
    queues = [f"q{number}" for number in range(60)]
    await store.enqueue([NewTask(id=draft().id, name="kit:task", queue=one) for one in reversed(queues)])

    claimed = await take(store, 60, queues=queues)

    assert [task.queue for task in claimed.tasks] == queues


async def test_a_sweep_meets_no_more_than_its_limit_however_many_parents_are_needed(make):
    store = make()
    clock = store.clock = VirtualClock()
    async with store:
        parents = await enqueue(store, *[draft(keep=0) for _ in range(60)])
        await store.settle([ending(task) for task in (await take(store, 60)).tasks])
        await enqueue(store, *[draft(parents=(parent,), delay=DAY) for parent in parents])
        clock.step(HOUR)

        pieces = 1
        while (await store.sweep(10)).more:
            pieces += 1

    assert pieces >= 6
