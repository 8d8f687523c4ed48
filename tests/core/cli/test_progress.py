from __future__ import annotations

import io

from omniq.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_a_line_a_tenth_and_no_control_characters():
    stream = io.StringIO()
    bar = Progress(100, "tasks", stream)

    for done in range(101):
        bar.show(done)
    bar.close()

    lines = stream.getvalue().splitlines()
    assert lines == [f"tasks {done}/100" for done in range(0, 101, 10)]


def test_a_terminal_gets_one_line_that_is_drawn_over(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    bar = Progress(4, "tasks", stream)

    bar.show(4, "0 running")
    bar.close()

    assert stream.getvalue().startswith("\r\x1b[Ktasks [####")
    assert "4/4" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_word_in_between_stands_on_a_line_of_its_own(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    bar = Progress(4, "tasks", stream)

    bar.say("worker 1 killed")

    assert stream.getvalue() == "\r\x1b[Kworker 1 killed\n"


def test_nothing_to_do_is_no_division_by_zero():
    stream = io.StringIO()

    Progress(0, "tasks", stream).show(0)

    assert stream.getvalue() == "tasks 0/1\n"
