"""The first minute: the script of the README, on both faces, prints its result and ends."""

import subprocess
import sys

import pytest

import omniq
from omniq import AsyncOmniQ, InvalidOption, NotSupported, OmniQ
from omniq.errors import DuplicateTask

SYNC = """
from omniq import OmniQ

oq = OmniQ("URL")

@oq.task(retries=3, timeout="30s")
def add(a: int, b: int) -> int:
    return a + b

if __name__ == "__main__":
    with oq.worker():
        print(add.enqueue(2, 3).result(timeout=10))
"""
ASYNC = """
import asyncio
from omniq import AsyncOmniQ

oq = AsyncOmniQ("URL")

@oq.task(retries=3, timeout="30s")
async def add(a: int, b: int) -> int:
    return a + b

async def main() -> None:
    async with oq.worker():
        print(await (await add.enqueue(2, 3)))

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("script", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("url", ["memory://", "sqlite:///jobs.db"])
def test_the_script_prints_five_and_ends(tmp_path, script, url):
    (tmp_path / "app.py").write_text(script.replace("URL", url))

    done = subprocess.run(
        [sys.executable, "-W", "error", "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert (done.stdout, done.stderr, done.returncode) == ("5\n", "", 0)


@pytest.mark.parametrize("face", [OmniQ, AsyncOmniQ])
def test_constructing_and_declaring_touch_nothing(face, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    app = face("no-such-backend://")
    app.task(queue="low")(test_constructing_and_declaring_touch_nothing)
    face()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["parents", "on_parent", "on_success", "on_failure", "on_retry", "schedule"])
@pytest.mark.parametrize("face", [OmniQ, AsyncOmniQ])
def test_an_option_of_a_later_version_is_refused_by_name_and_store(face, option):
    app = face("memory://")
    task = app.task(test_the_script_prints_five_and_ends)

    for use in (app.options, app.task, task.options):
        with pytest.raises(NotSupported, match=f"option '{option}' is not supported by the memory store"):
            use(**{option: None})


@pytest.mark.parametrize(
    ("use", "option", "text"),
    [
        ("task", "tiemout", "did you mean 'timeout'"),
        ("options", "prioritty", "did you mean 'priority'"),
        ("options", "name", "belongs to the declaration"),
        ("task", "delay", r"belongs to one enqueue; use \.options\(\.\.\.\)"),
        ("options", "zzz", "use one of"),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest_or_the_right_place(use, option, text):
    with pytest.raises(InvalidOption, match=text):
        getattr(OmniQ("memory://"), use)(**{option: 1})


def test_one_name_is_declared_once():
    app = OmniQ("memory://")
    app.task(name="send")(test_one_name_is_declared_once)

    with pytest.raises(DuplicateTask, match="'send' is defined twice"):
        app.task(name="send")(test_the_script_prints_five_and_ends)


def test_a_task_without_an_app_goes_by_any_face():
    app = OmniQ("memory://")

    handles = [app.enqueue(double, 4), *app.enqueue_many([double.bind(5)])]
    app.run_until_idle()

    assert app.gather(handles, timeout=10) == [8, 10]
    assert app.tasks().items[0].queue == "low"
    assert double(2) == 4


@omniq.task(queue="low")
def double(number: int) -> int:
    return 2 * number


def test_the_twin_of_a_face_is_one_object():
    app = OmniQ("memory://")

    assert app.aio.sync is app
    assert app.aio is app.aio
    assert AsyncOmniQ("memory://").sync.aio.registry is not app.aio.registry
