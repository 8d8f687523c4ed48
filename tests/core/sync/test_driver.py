"""Where a sync call runs: the caller's thread where every store is direct, else the loop thread."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from tests.core.homed import HomedStore

from omniq import AsyncOmniQ, OmniQ, State, WrongThread
from omniq.builtin.memory.backend import MemoryBackend
from omniq.sync import driver
from omniq.sync.loop import loop_thread


def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture
def homed():
    with OmniQ(task_queue=HomedStore(MemoryBackend().tasks())) as app:
        yield app


@pytest.fixture
def no_loop(monkeypatch):
    def refuse(coroutine):
        coroutine.close()
        raise AssertionError("a hop to the loop thread")

    monkeypatch.setattr(loop_thread, "call", refuse)


@pytest.fixture
def unwarned(monkeypatch):
    monkeypatch.setattr(driver, "_warned", False)


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize("url", ["memory://", "sqlite"])
def test_direct_stores_are_driven_in_the_callers_thread(url, tmp_path):
    with OmniQ("memory://" if url == "memory://" else f"sqlite:///{tmp_path}/jobs.db") as app:
        handle = app.enqueue(add, 1, 2)
        app.run_until_idle()

        assert handle.state() is State.SUCCEEDED
        assert handle.result() == 3
        assert app.gather([handle, handle]) == [3, 3]
        assert list(app.as_completed([handle])) == [handle]


def test_a_store_that_is_not_direct_works_on_the_loop_thread(homed):
    task = homed.task(add)
    with homed.worker():
        assert task.enqueue(2, 3).result(timeout=10) == 5
        assert homed.gather(homed.map(abs_of, [-1, -2]), timeout=10) == [1, 2]


def abs_of(n: int) -> int:
    return abs(n)


async def test_both_faces_use_one_app_over_a_store_that_is_not_direct():
    app = AsyncOmniQ(task_queue=HomedStore(MemoryBackend().tasks()))
    async with app, app.worker():
        handle = await app.enqueue(add, 1, 1)
        twin = await asyncio.to_thread(app.sync.enqueue, add, 2, 2)

        assert await app.gather([handle, app.handle(twin.id)], timeout=10) == [2, 4]
        assert await asyncio.to_thread(twin.result, 10) == 4
        await asyncio.to_thread(app.sync.close)


def test_a_blocking_call_on_the_loop_thread_is_refused(homed, monkeypatch):
    monkeypatch.setattr(driver, "_warned", True)

    async def block():
        homed.stats()

    with pytest.raises(WrongThread, match="await the async twin"):
        loop_thread.call(block())


@pytest.mark.usefixtures("unwarned")
async def test_a_blocking_call_on_a_running_loop_works_and_warns_once_naming_the_twin():
    app = OmniQ("memory://")

    with pytest.warns(RuntimeWarning, match=r"await AsyncOmniQ\.stats instead") as seen:
        assert app.stats() == []
    assert seen[0].filename == __file__
    assert app.stats() == []


WAYS = {
    "app": lambda app, task: app.stats(),
    "task": lambda app, task: task.enqueue(1, 2),
    "sender": lambda app, task: app.options(queue="low").enqueue(add, 1, 2),
    "handle": lambda app, task: app.handle("018f0000-0000-7000-8000-00000000000f").cancel(),
}


@pytest.mark.usefixtures("unwarned")
@pytest.mark.parametrize("way", WAYS)
async def test_the_warning_points_at_the_line_of_the_user(way):
    app = OmniQ("memory://")
    task = app.task(add)

    with pytest.warns(RuntimeWarning, match="a blocking OmniQ call") as seen:
        WAYS[way](app, task)

    assert (seen[0].filename, seen[0].lineno) == (__file__, WAYS[way].__code__.co_firstlineno)


@pytest.mark.usefixtures("unwarned")
async def test_nothing_is_said_in_a_notebook(monkeypatch):
    class Shell:
        get_ipython = staticmethod(lambda: "a shell")

    monkeypatch.setitem(sys.modules, "IPython", Shell)

    assert OmniQ("memory://").stats() == []


def test_a_wait_is_left_by_an_interrupt_and_the_loop_goes_on(homed):
    entered = threading.Event()

    async def for_ever():
        entered.set()
        await asyncio.Event().wait()

    def interrupt():
        entered.wait(10)
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        loop_thread.call(for_ever())
    thread.join()

    assert homed.stats() == []


def run(script: str, folder) -> str:
    """Run a program to its end and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@pytest.mark.parametrize("how", ["os.fork()", "multiprocessing"])
def test_a_forked_child_starts_with_a_loop_and_connections_of_its_own(tmp_path, how):
    script = FORK + (OS_FORK if how == "os.fork()" else MULTIPROCESSING)

    assert run(script, tmp_path) == "2 enqueued\n"


FORK = """
import os, operator
from omniq import OmniQ
from omniq.errors import ResultTimeout

oq = OmniQ("sqlite:///jobs.db")
def wait_briefly(handle):
    try:
        handle.result(timeout=0.01)  # on the loop thread
    except ResultTimeout:
        pass
wait_briefly(oq.enqueue(operator.add, 1, 2))
def child():
    wait_briefly(oq.enqueue(operator.add, 3, 4))
"""
OS_FORK = """
pid = os.fork()
if pid == 0:
    child()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(len(oq.tasks().items), "enqueued")
"""
MULTIPROCESSING = """
import multiprocessing
one = multiprocessing.get_context("fork").Process(target=child)
one.start()
one.join()
assert one.exitcode == 0
print(len(oq.tasks().items), "enqueued")
"""


@pytest.mark.parametrize("url", ["memory://", "sqlite:///jobs.db"])
def test_a_program_that_closes_nothing_prints_its_result_and_ends(tmp_path, url):
    assert run(LEFT_OPEN.replace("URL", url), tmp_path) == "5\n"


LEFT_OPEN = """
import operator
from omniq import OmniQ

oq = OmniQ("URL")
oq.start_worker()
print(oq.enqueue(operator.add, 2, 3).result(timeout=10))
"""


def test_a_program_that_ends_in_the_middle_of_a_task_gives_it_back_at_no_cost(tmp_path):
    (tmp_path / "app.py").write_text(ENDS_EARLY)
    subprocess.run([sys.executable, "app.py"], cwd=tmp_path, check=True, timeout=60)

    task = OmniQ(f"sqlite:///{tmp_path}/jobs.db").tasks().items[0]
    assert (task.state, task.attempt, task.releases, task.crashes) == (State.READY, 1, 1, 0)


ENDS_EARLY = """
import threading
from omniq import OmniQ

oq = OmniQ("sqlite:///jobs.db")
running = threading.Event()

@oq.task
def for_ever() -> None:
    running.set()
    threading.Event().wait()

oq.start_worker()
for_ever.enqueue()
running.wait(10)
"""
