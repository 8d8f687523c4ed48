"""Functions without a name travel themselves where only their user can write, and nowhere else."""

import functools
import stat
import threading

import pytest

from omniq import AsyncOmniQ, OmniQ, TaskFailed
from omniq.errors import InvalidName, UnnamedTask, Unserializable
from omniq.models.call import Call
from omniq.serialization.manager import SerializationManager
from omniq.shipped import FUNCTION, SHIPPED


class Adder:
    def __init__(self, by: int) -> None:
        self.by = by

    def add(self, to: int) -> int:
        return self.by + to

    @classmethod
    def twice(cls, value: int) -> int:
        return 2 * value


def three() -> dict[str, object]:
    by = 3

    def plain(to: int) -> int:
        return to + by

    async def coroutine(to: int) -> int:
        return to + by

    return {"closure": plain, "coroutine": coroutine, "lambda": lambda to: to + by}


FUNCTIONS = three() | {
    "bound method": Adder(3).add,
    "method of a builtin": [4].index,
    "partial": functools.partial(Adder(1).add),
    "classmethod": Adder.twice,
}
VALUES = {"method of a builtin": 0, "partial": 5, "classmethod": 8}


@pytest.fixture(params=["memory", "sqlite"])
def private(request, tmp_path):
    tmp_path.chmod(stat.S_IRWXU)
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def shared(tmp_path):
    tmp_path.chmod(0o777)
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.mark.parametrize("which", FUNCTIONS)
async def test_a_function_without_a_name_runs_elsewhere(private, which):
    async with AsyncOmniQ(private) as app:
        handle = await app.enqueue(FUNCTIONS[which], 4)
        await app.run_until_idle()

        assert await handle == VALUES.get(which, 7)


def test_the_sync_face_sends_it_too(private):
    with OmniQ(private) as app:
        factor = 10
        handles = [app.enqueue(lambda: factor), *app.map(lambda n: n * factor, [1, 2])]
        app.run_until_idle()

        assert app.gather(handles) == [10, 10, 20]


async def test_keywords_and_options_go_along(private):
    async with AsyncOmniQ(private) as app:
        handle = await app.options(queue="low").enqueue(lambda a, *, b: (a, b), 1, b=2)
        await app.run_until_idle(queues="low")

        assert await handle == (1, 2)


@pytest.mark.parametrize("which", FUNCTIONS)
async def test_it_is_refused_on_a_store_that_others_may_write(shared, which):
    async with AsyncOmniQ(shared) as app:
        with pytest.raises(UnnamedTask, match="move it to the top level of a module, or use a store that only you"):
            await app.enqueue(FUNCTIONS[which], 4)

        assert (await app.tasks()).items == []


async def test_a_worker_that_accepts_no_dill_never_sees_it(private):
    async with AsyncOmniQ(private) as app:
        ran = []
        handle = await app.enqueue(ran.append, 1)
        app.serializer._envelope = SerializationManager()._envelope
        await app.run_until_idle()

        with pytest.raises(TaskFailed, match="codec 'dill' is refused") as caught:
            await handle
        assert (caught.value.reason, caught.value.error_type) == ("undecodable", "omniq.errors.CodecRefused")


@pytest.mark.parametrize("name", SHIPPED)
async def test_a_function_that_came_another_way_is_not_called(name):
    app = AsyncOmniQ("memory://")
    forged = Call(name=name, function=add, kwargs={FUNCTION: "os:system"}, options={"retries": 0})
    [handle] = await app.enqueue_many([forged])
    await app.run_until_idle()

    with pytest.raises(TaskFailed, match="a str was sent in the place of a function"):
        await handle


def add(a: int, b: int) -> int:
    return a + b


@pytest.mark.parametrize("name", SHIPPED)
def test_the_names_are_taken(name):
    with pytest.raises(InvalidName, match="another one"):
        AsyncOmniQ("memory://").task(name=name)(add)


async def test_what_dill_cannot_carry_is_refused_with_the_users_own_place():
    app = AsyncOmniQ("memory://")
    with pytest.raises(Unserializable, match="argument 2 of"):
        await app.enqueue(lambda a, b: 1, 1, threading.Lock())
