"""A call becomes one record, and the record becomes the same call."""

import pytest

from omniq.errors import BadArguments, CodecRefused, PayloadTooLarge, Undecodable, Unserializable
from omniq.functions import FunctionRegistry
from omniq.models.policy import Retries, TaskPolicy, load_policy
from omniq.models.states import Until
from omniq.packing import MAX_HEADERS, Enqueue, pack, unpack
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import ClaimedTask, Fence

serializer = SerializationManager()


def add(a: int, b: int = 2) -> int:
    return a + b


def packed(*args, name="shop:add", project="shop", kwargs=None, by=serializer, **options):
    return pack(name, args, kwargs or {}, Enqueue(**options), by, project)


def claimed(task, **changes):
    fields = {"name": task.name, "payload": task.payload, "policy": task.policy, **changes}
    return ClaimedTask(fence=Fence(task.id, 1, 7), ref=1, queue=task.queue, priority=task.priority, **fields)


@pytest.fixture
def registry():
    registry = FunctionRegistry()
    registry.add("shop:add", add)
    return registry


def test_a_record_unpacks_to_the_call_it_was_made_from(registry):
    function = registry.find("shop:add")

    args, kwargs = unpack(claimed(packed(1, kwargs={"b": 3})), function, serializer)

    assert function.function(*args, **kwargs) == 4


def test_a_record_carries_the_options():
    task = packed(
        1, queue="low", priority=9, delay=5, ttl=7, keep=11, tags=("a",), id="0193c2c2-0000-7000-8000-000000000000"
    )

    assert (task.queue, task.priority, task.delay, task.ttl, task.keep, task.tags, task.id) == (
        "low", 9, 5, 7, 11, ("a",), "0193c2c2-0000-7000-8000-000000000000",
    )  # fmt: skip


def test_a_plain_call_carries_no_policy():
    assert packed(1).policy == b""


def test_a_policy_comes_back():
    policy = TaskPolicy(retries=Retries(max=5), timeout=30, deadline=60, keep=0, metadata={"a": "b"})

    assert load_policy(packed(1, policy=policy).policy) == policy


def test_each_call_has_an_id_of_its_own_and_one_content():
    first, second = packed(1), packed(1)

    assert first.id != second.id
    assert first.digest == second.digest
    assert len(first.digest) == 16


@pytest.mark.parametrize(
    "other",
    [
        {"args": (2,)},
        {"args": ("1",)},
        {"args": (True,)},
        {"args": (1,), "name": "shop:sub"},
        {"args": (1,), "queue": "low"},
        {"args": (1,), "priority": 6},
        {"args": (1,), "policy": TaskPolicy(timeout=1)},
        {"args": (), "kwargs": {"a": 1}},
    ],
    ids=str,
)
def test_other_content_has_another_digest(other):
    args = other.pop("args")

    assert packed(*args, **other).digest != packed(1).digest


def test_when_a_task_may_start_is_no_part_of_its_content():
    assert packed(1, delay=5, ttl=9).digest == packed(1).digest


def test_a_unique_key_is_scoped_by_project_and_task_name():
    def key(project="shop", name="shop:add", unique_key="ann"):
        unique = packed(1, project=project, name=name, unique_key=unique_key).unique
        assert unique is not None
        return unique.digest

    assert key() == key()
    assert len(key()) == 16
    assert len({key(), key(project="bank"), key(name="shop:sub"), key(unique_key="bob")}) == 4


def test_a_unique_key_says_how_long_it_is_held():
    held = packed(1, unique_key="ann", until=Until.WINDOW, window=5).unique

    assert held is not None
    assert (held.until, held.window) == (Until.WINDOW, 5)
    assert packed(1).unique is None


def test_a_unique_key_may_be_empty_but_not_left_out():
    assert packed(1, unique_key="").unique is not None


def test_metadata_and_tags_have_a_limit():
    room = MAX_HEADERS - len(packed(1, policy=TaskPolicy(metadata={"a": "x" * 1000})).policy) + 1000

    packed(1, policy=TaskPolicy(metadata={"a": "x" * room}))
    with pytest.raises(PayloadTooLarge, match=r"the metadata and tags of shop:add are 16\.0 KiB, the limit is 16 KiB"):
        packed(1, policy=TaskPolicy(metadata={"a": "x" * room}), tags=("é",))


def test_what_does_not_travel_makes_no_record():
    with pytest.raises(Unserializable, match="argument 1 of shop:add"):
        packed(object())


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", Undecodable),
        (b"m\x01", Undecodable),
        (b"d\x03\x0bxx", CodecRefused),
        (serializer.dump_arguments("", ("1",), {}), BadArguments),
        (serializer.dump_arguments("", (1, 2, 3), {}), BadArguments),
    ],
    ids=["empty", "no arguments", "a refused codec", "another type", "too many"],
)
def test_a_payload_that_cannot_be_used_raises_a_declared_error(registry, payload, error):
    with pytest.raises(error):
        unpack(claimed(packed(1), payload=payload), registry.find("shop:add"), serializer)
