"""The Lua files: headers that tell the truth, none unused, numbers as in the models."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

import omniq_redis
from omniq.models.states import Counter, Reason, State
from omniq.storage.records import TOMBSTONE
from omniq_redis.scripts import script, source_of
from omniq_redis.tasks.settle import _COUNTERS, _REASONS

NAMES = sorted(path.name.removesuffix(".lua") for path in files("omniq_redis").joinpath("lua").iterdir())
SOURCES = [path.read_text() for path in Path(omniq_redis.__file__).parent.rglob("*.py")]
CALLED = {name for text in SOURCES for name in re.findall(r'script\("(\w+)"\)', text)}
INCLUDED = {name for one in NAMES for name in re.findall(r"^--include (\w+)$", source_of(one), re.MULTILINE)}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_begins_with_its_name_and_a_script_says_keys_arguments_and_reply(name):
    text = source_of(name)

    assert text.startswith(f"-- {name}: ")
    if name in CALLED:
        assert "\n-- KEYS   1 the project's prefix\n-- ARGV   1 now" in text
        assert "\n-- Reply  " in text or name in {"abandon", "pause", "results_put"}


def test_every_file_is_used_and_every_name_exists():
    assert set(NAMES) == CALLED | INCLUDED
    assert CALLED.isdisjoint(INCLUDED)


@pytest.mark.parametrize("name", sorted(CALLED))
def test_a_script_has_no_line_that_redis_6_cannot_parse_and_no_fragment_left_out(name):
    text = script(name).text.decode()

    assert not text.startswith("#!")
    assert "include" not in text


def test_the_numbers_of_states_reasons_and_times_are_those_of_the_models():
    layout = source_of("layout")
    named = re.search(r"local (WAITING.*) = (.*)", layout)

    assert named is not None
    assert named[1].lower().split(", ") == [state.value for state in State]
    assert named[2].replace("'", "").split(", ") == [str(state.code) for state in State]
    assert f"PARENT_FAILED, TOMBSTONE = {list(Reason).index(Reason.PARENT) + 1}, {TOMBSTONE}" in layout
    assert str(TOMBSTONE) in source_of("settle")
    assert list(_REASONS) == list(Reason)
    assert [int(place) for place in _COUNTERS.values()] == list(range(len(Counter)))
