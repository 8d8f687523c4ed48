"""Logging is set up when asked for, and leaves alone what the program set itself."""

from __future__ import annotations

import io
import json
import logging

import pytest

from omniq import LoggingConfig, OmniQ
from omniq.config import logs


@pytest.fixture
def bare(monkeypatch):
    """Take the handlers off the root, pytest's among them, and the levels off our loggers; both come back."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("omniq", "omniq.worker")]
    before = root.handlers[:], [one.level for one in ours]
    monkeypatch.setattr(logs, "_levels", {})

    def bare() -> None:  # called in the test: pytest puts its handlers on for each phase
        root.handlers[:] = []
        for one in ours:
            one.setLevel(logging.NOTSET)

    yield bare
    root.handlers[:] = before[0]
    for one, level in zip(ours, before[1], strict=True):
        one.setLevel(level)


@pytest.fixture
def stream():
    return io.StringIO()


def test_nothing_is_set_up_until_it_is_asked_for(bare):
    bare()
    app = OmniQ.from_dict({"backend": "memory://", "logging": {"level": "DEBUG"}})
    app.enqueue(abs, 1)

    assert (logging.getLogger().handlers, logging.getLogger("omniq").level) == ([], logging.NOTSET)

    app.config.logging.configure()

    assert logging.getLogger("omniq").level == logging.DEBUG


def test_lines_are_for_a_person_and_components_have_levels_of_their_own(bare, stream):
    bare()
    LoggingConfig(level="WARNING", components={"worker": "DEBUG"}).configure(stream)
    logging.getLogger("omniq.functions").info("hidden")
    logging.getLogger("omniq.worker").debug("start %s", "shop:send")
    logging.getLogger("shop").warning("low")

    first, second = stream.getvalue().splitlines()
    assert first.partition(" ")[2] == "start shop:send"
    assert second.partition(" ")[2] == "WARNING shop: low"


def test_json_is_one_object_a_line_with_the_traceback_in_it(bare, stream):
    bare()
    LoggingConfig(format="json").configure(stream)
    try:
        raise ValueError("refused")
    except ValueError:
        logging.getLogger("omniq.worker").exception("two\nlines")

    [line] = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "omniq.worker", "two\nlines")
    assert "ValueError: refused" in line["error"]


@pytest.mark.parametrize("config", [LoggingConfig(level="DISABLED"), LoggingConfig(disabled=True)])
def test_disabled_silences_our_tree_and_nothing_else(bare, stream, config):
    bare()
    config.configure(stream)

    assert not logging.getLogger("omniq.worker").isEnabledFor(logging.CRITICAL)
    assert logging.getLogger("shop").isEnabledFor(logging.CRITICAL)


def test_handlers_and_levels_of_the_program_stay(bare, stream):
    bare()
    own = logging.NullHandler()
    logging.getLogger().addHandler(own)
    logging.getLogger("omniq").setLevel(logging.ERROR)

    LoggingConfig(level="DEBUG").configure(stream)

    assert logging.getLogger().handlers == [own]
    assert logging.getLogger("omniq").level == logging.ERROR


def test_a_second_call_replaces_the_first(bare, stream):
    bare()
    LoggingConfig(level="DEBUG").configure(io.StringIO())
    LoggingConfig(level="ERROR", format="json").configure(stream)
    logging.getLogger("omniq").error("once")

    assert (len(logging.getLogger().handlers), logging.getLogger("omniq").level) == (1, logging.ERROR)
    assert json.loads(stream.getvalue())["message"] == "once"
