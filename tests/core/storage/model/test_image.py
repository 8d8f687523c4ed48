from __future__ import annotations

import msgspec
import pytest

from omniq.storage.model import Model
from omniq.storage.records import NewTask

ID = "00000000-0000-7000-8000-000000000001"


def test_bytes_of_another_version_are_refused() -> None:
    blob = msgspec.msgpack.encode([2, "whatever a later version writes"])

    with pytest.raises(ValueError, match="version 2 cannot be read here, only version 1"):
        Model.load(blob)


@pytest.mark.parametrize("blob", [b"", b"\xc1", b"\x91\x01", b"hello"])
def test_bytes_that_are_no_state_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="not a state of the model"):
        Model.load(blob)


def test_equal_states_have_equal_hashes_and_different_ones_do_not() -> None:
    one, other = Model(), Model()
    for model in (one, other):
        model.enqueue(5, [NewTask(id=ID, name="m:f")])
    assert one.hash() == other.hash()

    other.cancel(6, [ID])

    assert one.hash() != other.hash()


def test_the_hash_of_a_known_state_is_pinned() -> None:
    """A change here means that replicas of two versions disagree: raise VERSION with it."""
    model = Model()
    model.enqueue(5, [NewTask(id=ID, name="m:f", digest=b"d" * 16)])
    model.claim(6, ["default"], limit=1, lease=10, worker="w", claim_id=7)

    assert model.hash() == "b2cf99d07b3905f422cacd85470e9002c97db372d4189c6e4879903acd443fc3"


def test_a_call_that_raises_has_written_nothing() -> None:
    model = Model()
    before = model.hash()

    with pytest.raises(ValueError, match="priority 10 of task b"):
        model.enqueue(5, [NewTask(id="a", name="m:f"), NewTask(id="b", name="m:f", priority=10)])

    assert model.hash() == before
