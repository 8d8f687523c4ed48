"""What a body raises to steer its outcome, as its user reads it afterwards."""

import pickle

import pytest

import omniq
from omniq.models.result import TaskError


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (omniq.Retry(), "omniq.Retry", "the task asked for another try"),
        (omniq.Retry("the lake is frozen"), "omniq.Retry", "the lake is frozen"),
        (omniq.Discard("no such user"), "omniq.Discard", "no such user"),
    ],
)
def test_it_is_named_as_it_is_imported_and_has_a_text(kind, name, text):
    error = TaskError.of(kind)

    assert (error.type, error.message) == (name, text)
    assert getattr(omniq, name.partition(".")[2]) is type(kind)


@pytest.mark.parametrize("kind", [omniq.Retry("later", in_=3), omniq.Snooze("5m"), omniq.Discard("why")])
def test_it_survives_the_way_to_another_process(kind):
    assert type(pickle.loads(pickle.dumps(kind))) is type(kind)
