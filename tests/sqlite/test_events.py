"""What events in a file cost, and that they are stored as columns that anybody can read."""

import re
import sqlite3

import pytest

from omniq.models.event import EventType
from omniq.storage.events import EventFilter
from omniq.testing.kit.events import START, event
from omniq_sqlite import SQLiteEventStorage, SQLiteOptions


@pytest.fixture
async def events(path, sessions):
    async with SQLiteEventStorage(SQLiteOptions(path=str(path))) as store:
        yield store


@pytest.fixture
def statements(events, sessions):
    ran = []
    sessions[0].connection.set_trace_callback(ran.append)
    return ran


def words(statements):
    return [one.split(None, 1)[0].lower() for one in statements]


async def test_a_batch_is_one_statement_per_128_events(events, statements):
    await events.append([event() for _ in range(256)])

    assert words(statements) == ["begin", "insert", "insert", "commit"]


@pytest.mark.parametrize(
    "where",
    [
        EventFilter(),
        EventFilter(task_id="t"),
        EventFilter(since=START),
        EventFilter(types=frozenset({EventType.ERROR}), queue="q", name="n", since=START, until=START + 1),
    ],
)
async def test_no_read_and_no_purge_walks_the_table(events, statements, sessions, where):
    await events.append([event(task_id="t"), event()])
    statements.clear()
    await events.read(where)
    await events.read(where, after="1")
    await events.purge(START + 1, 1)
    texts = [one for one in statements if words([one])[0] in ("select", "delete")]

    plans = [row[3] for text in texts for row in sessions[0].connection.execute(f"explain query plan {text}")]

    assert len(texts) >= 3
    assert [one for one in plans if re.match(r"SCAN event\b", one)] == []


async def test_the_history_of_one_task_is_found_among_all_others_in_one_page(events):
    await events.append([event(task_id="other") for _ in range(5_000)])
    own = event(task_id="own")
    await events.append([own])

    assert (await events.read(EventFilter(task_id="own"))).items == [own]


async def test_what_is_young_is_found_in_one_page_behind_a_long_history(events):
    await events.append([event(at=START) for _ in range(5_000)])
    young = event(at=START + 1)
    await events.append([young])

    assert (await events.read(EventFilter(since=START + 1))).items == [young]


async def test_an_event_is_columns_of_text_and_numbers(events, path):
    await events.append([event(id="e", type=EventType.RETRY, task_id="t", message="why")])

    with sqlite3.connect(path) as reader:
        row = reader.execute("select id, type, at, task, message from event").fetchone()
    reader.close()

    assert row == ("e", "RETRY", START, "t", "why")
