"""Both faces on a Redis URL, workers in other processes, and a worker that is killed in the middle."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

APP = """
import os
import signal
import omniq
from omniq import AsyncOmniQ, OmniQ

oq = OmniQ()
aoq = AsyncOmniQ()

@oq.task
def add(a: int, b: int) -> int:
    return a + b

@aoq.task
async def double(a: int) -> int:
    return 2 * a

@oq.task
def killed_once() -> int:
    if omniq.current().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return omniq.current().attempt

@oq.task(retries=0)
def fail() -> None:
    raise ValueError("refused")
"""


@pytest.fixture
def shop(tmp_path, monkeypatch, redis_server, project):
    """The app as a module of this test alone, on a project of its own; its store is named by the environment."""
    for name in [name for name in os.environ if name.startswith("OMNIQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMNIQ_BACKEND", redis_server.url)
    monkeypatch.setenv("OMNIQ_PROJECT_NAME", project)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    name = f"shop_{project}"
    (tmp_path / f"{name}.py").write_text(APP)
    return name


@pytest.fixture
def worker(shop, tmp_path):
    """Start `omniq worker`; what is left at the end is killed."""
    started = []

    def start(app="oq", *argv):
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            command = [sys.executable, "-m", "omniq.cli", "worker", f"{shop}:{app}", *argv]
            started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def python(shop):
    """Run lines of a user's program, with the app as `shop`; a timeout is a fuse."""

    def run(code):
        script = f"import {shop} as shop\n{code}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_the_sync_face_gets_its_value_from_a_worker_in_another_process(worker, python):
    worker()

    assert python("with shop.oq: print(shop.add.enqueue(2, 3).result(timeout=30))") == "5"
    assert python("print(shop.add.enqueue(20, 22).result(timeout=30))") == "42"


def test_the_async_face_gets_its_value_from_a_worker_in_another_process(worker, python):
    worker("aoq")

    code = """
import asyncio
async def main():
    async with shop.aoq:
        handles = [await shop.double.enqueue(n) for n in range(5)]
        print([await handle.result(timeout=30) for handle in handles])
asyncio.run(main())
"""
    assert python(code) == "[0, 2, 4, 6, 8]"


def test_a_failure_comes_back_with_its_traceback(worker, python):
    worker()

    code = """
from omniq import TaskFailed
try:
    shop.fail.enqueue().result(timeout=30)
except TaskFailed as error:
    print(error.reason, error.error_type, "refused" in str(error))
"""
    assert python(code) == "exception ValueError True"


def test_a_task_whose_worker_is_killed_runs_again_in_another(worker, python):
    task_id = python("print(shop.killed_once.enqueue().id)")
    assert worker("oq", "--lease", "1s").wait(timeout=60) == -signal.SIGKILL

    worker("oq", "--lease", "1s")

    assert python(f"print(shop.oq.handle('{task_id}').result(timeout=60))") == "2"
    assert python(f"print(shop.oq.get_task('{task_id}').crashes)") == "1"


def test_a_worker_survives_a_restart_of_its_server(own_server, worker, python, monkeypatch):
    server = own_server(appendonly="yes", appendfsync="always")
    monkeypatch.setenv("OMNIQ_BACKEND", server.url)
    process = worker()
    assert python("print(shop.add.enqueue(1, 1).result(timeout=30))") == "2"

    server.kill()
    server.start()

    assert python("print(shop.add.enqueue(2, 2).result(timeout=60))") == "4"
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_an_unreachable_server_ends_the_command_with_69(own_server, shop, monkeypatch):
    server = own_server()
    server.kill()
    monkeypatch.setenv("OMNIQ_BACKEND", f"redis://:secret@127.0.0.1:{server.port}/0")

    done = subprocess.run(
        [sys.executable, "-m", "omniq.cli", "worker", f"{shop}:oq"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 69
    assert f"redis://:***@127.0.0.1:{server.port}/0 cannot be reached" in done.stderr
    assert "secret" not in done.stderr


async def test_a_worker_of_the_async_face_runs_beside_its_caller(shop, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__(shop)
    try:
        async with module.aoq, module.aoq.worker():
            handle = await module.double.enqueue(21)
            assert await asyncio.wait_for(handle.result(), 30) == 42
    finally:
        del sys.modules[shop]
