"""The tree that is drawn in `omniq.errors` is the tree that the classes make, and every error survives travel."""

import copy
import inspect
import pickle
import re

import pytest

from omniq import errors
from omniq.errors import OmniQError


def drawn() -> list[tuple[int, str]]:
    """(depth, class) in the order of the drawing."""
    lines = re.findall(r"^    ((?:[│├└─ ]{4})*)(\w+)$", errors.__doc__ or "", re.MULTILINE)
    return [(len(indent) // 4, name) for indent, name in lines]


def walked(kind: type, depth: int = 0) -> list[tuple[int, str]]:
    found = [(depth, kind.__name__)]
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found += walked(child, depth + 1)
    return found


def test_the_drawing_is_the_tree():
    assert drawn() == walked(OmniQError)


def test_every_class_is_exported():
    assert {name for _, name in drawn()} == set(errors.__all__)


SAMPLES = {"str": "x", "int": 3, "bool": False, "Sequence[str]": ("a 1.0", "b 2.0")}


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_survives_pickling_and_copying_with_its_text(name):
    kind = getattr(errors, name)
    parameters = [] if kind.__init__ is OmniQError.__init__ else [*inspect.signature(kind).parameters.values()]
    error = kind(*(SAMPLES[parameter.annotation] for parameter in parameters))

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_a_timeout_of_ours_is_a_timeout_of_python():
    assert issubclass(errors.ResultTimeout, TimeoutError)
