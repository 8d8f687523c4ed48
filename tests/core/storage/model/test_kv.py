from __future__ import annotations

import pytest

from omniq.storage.model import Model
from omniq.storage.records import KvEntry


@pytest.fixture
def model() -> Model:
    return Model()


def test_a_write_that_expects_another_version_is_refused(model: Model) -> None:
    assert model.kv_put("s", "a", b"1", expect=0) == 1
    assert model.kv_put("s", "a", b"2", expect=0) is None
    assert model.kv_put("s", "a", b"2", expect=1) == 2
    assert model.kv_put("s", "b", b"2", expect=3) is None

    assert model.kv_get("s", "a") == KvEntry(key="a", value=b"2", version=2)
    assert model.kv_get("s", "b") is None


def test_a_repeated_write_is_answered_alike_and_counts_no_version(model: Model) -> None:
    for expect in (0, -1):
        model.kv_delete("s", "a")
        first = model.kv_put("s", "a", b"1", expect=expect, due=5)

        assert model.kv_put("s", "a", b"1", expect=expect, due=5) == first == 1


def test_a_delete_is_refused_at_another_version_and_fine_when_it_is_gone(model: Model) -> None:
    model.kv_put("s", "a", b"1")

    assert not model.kv_delete("s", "a", expect=2)
    assert model.kv_delete("s", "a", expect=1)
    assert model.kv_delete("s", "a", expect=1)


def test_pages_come_in_order_of_their_keys(model: Model) -> None:
    for key in ("c", "a", "e", "b", "d"):
        model.kv_put("s", key, b"")

    first, after = model.kv_list("s", limit=2)
    second, after_second = model.kv_list("s", limit=3, after=after)

    assert [one.key for one in first + second] == list("abcde")
    assert (after, after_second) == ("b", None)
    assert model.kv_list("other") == ([], None)


def test_what_is_due_comes_earliest_first_with_the_time_to_the_next(model: Model) -> None:
    for key, due in (("late", 90), ("first", 10), ("second", 20), ("never", None)):
        model.kv_put("s", key, b"", due=due)

    for _ in range(2):  # looking takes nothing away
        found, following = model.kv_due(50, "s")
        assert ([one.key for one in found], following) == (["first", "second"], 40)
    assert model.kv_due(50, "s", limit=1)[1] == 0
    assert model.kv_due(50, "other") == ([], None)


def test_an_entry_is_due_at_its_latest_time_alone(model: Model) -> None:
    for due in (*range(1, 200), 300):
        model.kv_put("s", "a", b"", due=due)

    assert model.kv_due(250, "s") == ([], 50)
    model.kv_put("s", "a", b"", due=None)
    assert model.kv_due(400, "s") == ([], None)
    model.kv_put("s", "a", b"", due=300)
    assert [one.key for one in model.kv_due(400, "s")[0]] == ["a"]


def test_entries_survive_a_reload(model: Model) -> None:
    model.kv_put("s", "a", b"1", due=3)
    model.kv_put("w", "b", b"2")

    other = Model.load(model.dump())

    assert other.kv_due(3, "s") == model.kv_due(3, "s")
    assert other.hash() == model.hash()
