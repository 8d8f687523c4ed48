"""Every component stands alone, made in the same five ways on both faces."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from omniq import (
    AsyncOmniQ,
    AsyncResultStorage,
    AsyncTaskQueue,
    AsyncThreadWorker,
    AsyncWorker,
    ConfigError,
    OmniQ,
    ResultStorage,
    TaskQueue,
    ThreadWorker,
    Unserializable,
    Worker,
    current,
)
from omniq.client.tasks import call_of
from omniq.config.resolve import resolve

COMPONENTS = [
    AsyncOmniQ, AsyncResultStorage, AsyncTaskQueue, AsyncThreadWorker, AsyncWorker,
    OmniQ, ResultStorage, TaskQueue, ThreadWorker, Worker,
]  # fmt: skip


def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMNIQ_BACKEND", "sqlite:///env.db")
    (tmp_path / "given.yaml").write_text("backend: sqlite:///file.db\nproject_name: file\n")


WAYS = {
    "from_backend": lambda kind: kind.from_backend("sqlite:///argument.db", project="shop"),
    "from_config": lambda kind: kind.from_config(resolve(backend="sqlite:///config.db")),
    "from_dict": lambda kind: kind.from_dict({"backend": "sqlite:///dict.db"}),
    "from_config_file": lambda kind: kind.from_config_file("given.yaml"),
    "from_env": lambda kind: kind.from_env(),
}


def place(component) -> str:
    """Where its tasks are."""
    if isinstance(component, Worker):
        component = component.worker
    elif not isinstance(component, AsyncOmniQ | AsyncWorker):
        component = getattr(component, "aio", component)
    if isinstance(component, AsyncWorker):
        return component._parts.tasks.describe()
    stores = component.queue.stores if isinstance(component, AsyncOmniQ) else component.stores
    return stores.tasks.describe()


@pytest.mark.parametrize("kind", COMPONENTS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", WAYS)
def test_a_component_is_made_in_each_way(kind, way, tmp_path, monkeypatch):
    if way in ("from_dict", "from_config_file"):
        assert place(WAYS[way](kind)) == f"{tmp_path}/env.db"  # a variable stands before both
        monkeypatch.delenv("OMNIQ_BACKEND")
    name = {"from_backend": "argument", "from_config": "config", "from_dict": "dict", "from_env": "env"}.get(
        way, "file"
    )

    made = WAYS[way](kind)

    assert type(made) is kind
    assert place(made) == f"{tmp_path}/{name}.db"
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("kind", COMPONENTS, ids=lambda kind: kind.__name__)
def test_a_wrong_key_is_refused_by_its_path_in_every_component(kind):
    with pytest.raises(ConfigError, match=r"worker\.leese in the dict is no setting"):
        kind.from_dict({"worker": {"leese": 1}})


async def test_the_async_components_do_the_whole_job_without_an_app():
    async with (
        AsyncTaskQueue.from_env() as queue,
        AsyncResultStorage.from_env() as results,
        AsyncWorker.from_env(tasks=[add], concurrency=2),
    ):
        [handle] = await queue.enqueue([call_of(add, (2, 3), {}, {})])

        assert await results.value(handle.id, timeout=10) == 5


def test_the_sync_components_do_the_whole_job_without_an_app(monkeypatch):
    monkeypatch.delenv("OMNIQ_BACKEND")
    settings = {"backend": "sqlite:///jobs.db", "worker": {"type": "thread", "concurrency": 3, "queues": ["low"]}}
    declared = OmniQ("memory://").task(queue="high")(add)
    with (
        TaskQueue.from_dict(settings) as queue,
        ResultStorage.from_dict(settings) as results,
        Worker.from_dict(settings, tasks=[declared]) as worker,
    ):
        handles = queue.enqueue([declared.bind(2, 3), call_of(declared, (3, 4), {}, {"queue": "low"})])

        assert [results.value(handle.id, timeout=10) for handle in handles] == [5, 7]
        [running] = worker.worker.settings
        assert (running.kind, running.concurrency, running.queues) == ("thread", 3, ("low", "default", "high"))


def test_a_thread_worker_is_one_whatever_the_settings_say():
    settings = {"worker": {"type": "async"}, "thread_workers": 4}

    [sync] = ThreadWorker.from_dict(settings, concurrency=None).worker.settings
    [aio] = AsyncThreadWorker.from_dict(settings).settings

    assert (sync.kind, sync.concurrency, aio.kind) == ("thread", 4, "thread")


async def test_a_worker_alone_looks_up_functions_in_the_modules_that_it_is_given(tmp_path, monkeypatch):
    (tmp_path / "elsewhere_tasks.py").write_text("def double(n): return 2 * n\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import elsewhere_tasks

    async with AsyncTaskQueue.from_env() as queue, AsyncWorker.from_env(tasks=["elsewhere_tasks"]):
        [handle] = await queue.enqueue([call_of(elsewhere_tasks.double, (4,), {}, {})])

        assert await queue.results.value(handle.id, timeout=10) == 8


async def test_an_app_from_settings_runs_its_lifespan(monkeypatch):
    monkeypatch.delenv("OMNIQ_BACKEND")

    @asynccontextmanager
    async def pool():
        yield "pool"

    app = AsyncOmniQ.from_dict({"backend": "memory://"}, lifespan=pool)
    task = app.task(state_of)
    async with app, app.worker():
        assert await (await task.enqueue()).result(timeout=10) == "pool"


def state_of() -> str:
    return str(current().state)


async def test_msgspec_alone_refuses_what_only_dill_could_carry_and_the_default_takes_it_here(monkeypatch):
    monkeypatch.setenv("OMNIQ_BACKEND", "memory://")

    async def send(settings):
        async with AsyncTaskQueue.from_dict(settings) as queue:
            await queue.enqueue([call_of(add, (lambda: 1, 2), {}, {})])

    await send({})
    await send({"serialization": {"allow": ["msgspec", "dill"]}})
    with pytest.raises(Unserializable):
        await send({"serialization": {"allow": ["msgspec"]}})


def test_dill_on_a_store_that_others_can_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("OMNIQ_BACKEND")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "jobs.db").touch(mode=0o666)
    (shared / "jobs.db").chmod(0o666)

    with pytest.raises(ConfigError, match="reading dill would run what they wrote"):
        TaskQueue.from_dict({"backend": f"sqlite:///{shared}/jobs.db", "serialization": {"allow": ["msgspec", "dill"]}})
