"""Cases of processes: one is killed in the middle of its calls, or several race for the same tasks.

The children run on the real clock and are killed by their progress, never after a time. What they had been answered
for must be there; what they had not must be there whole, or not at all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from omniq.models.states import State
from omniq.models.values import SECOND, new_claim_id
from omniq.plugins.registry import registry
from omniq.storage.base import Durability
from omniq.storage.records import ClaimedTask, Refusal
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing.child import PROJECT, result_of
from omniq.testing.kit.guard import Guarded
from omniq.testing.kit.words import FUSE, draft, ending, ids_of, key, states

__all__ = ("CrashConformance",)

ROUNDS = 5


class Child:
    """One process that plays a part of `omniq.testing.child`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[list[Any]] = []

    @classmethod
    async def start(cls, part: str, url: str, argument: int) -> Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "omniq.testing.child", part, url, str(argument), stdout=asyncio.subprocess.PIPE
        )
        return cls(process)

    async def hear(self, enough: Callable[[list[list[Any]]], bool]) -> None:
        """Listen until it has said enough, or is over."""
        assert self._process.stdout is not None
        while not enough(self.said):
            line = await asyncio.wait_for(self._process.stdout.readline(), FUSE)
            if not line.endswith(b"\n"):
                return
            self.said.append(json.loads(line))

    async def kill(self) -> None:
        """Kill it, and take in what it had said by then."""
        with suppress(ProcessLookupError):  # it had come to its end
            self._process.kill()
        await self.hear(lambda said: False)
        await self._process.wait()

    async def end(self) -> None:
        """Let it come to its end."""
        await self.hear(lambda said: False)
        assert await self._process.wait() == 0, "a child failed; its error is above"

    def words(self, what: str) -> list[Any]:
        """Give the arguments of every line that begins so."""
        return [line[1] for line in self.said if line[0] == what]


def says(what: str, times: int) -> Callable[[list[list[Any]]], bool]:
    return lambda said: sum(line[0] == what for line in said) >= times


class CrashConformance(Guarded):
    """Every case of processes. Subclass it and override the fixture `url`: a fresh place that others can open.

    The backend must be selectable by its URL in a new process, as an installed plugin is.
    """

    kept = frozenset({"store"})

    @pytest.fixture
    def url(self) -> str:
        """Override: the URL of a fresh and empty place."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `url`; see CrashConformance")

    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[BaseTaskQueue]:
        store = registry.backend(url, project=PROJECT).tasks()
        if store.capabilities.durability is Durability.PROCESS:
            pytest.skip("the store declares to live as long as one process")
        async with store:
            yield store

    async def test_an_answered_enqueue_survives_a_kill_and_an_unanswered_one_is_whole_or_absent(
        self, store: BaseTaskQueue, url: str
    ) -> None:
        size = min(40, store.capabilities.batch_atomic)
        for acks in range(1, ROUNDS + 1):
            child = await Child.start("enqueue", url, size)
            await child.hear(says("sent", acks))
            await child.kill()

            answered = child.words("sent")
            for batch in child.words("sends"):
                found = await states(store, batch)
                whole = [State.READY] * size
                assert found == whole or (batch not in answered and found == [None] * size)

    async def test_an_answered_ending_survives_a_kill_and_every_ending_has_its_result(
        self, store: BaseTaskQueue, url: str
    ) -> None:
        for rounds in range(1, ROUNDS + 1):
            tasks = [draft(unique=key(f"{rounds} {n}")) for n in range(60)]
            await store.enqueue(tasks)
            child = await Child.start("work", url, 3)
            await child.hear(says("settled", rounds))
            await child.kill()

            answered = {one for batch in child.words("settled") for one in batch}
            for found in await store.get([one.id for one in tasks], result=True):
                assert found is not None
                assert found.state is State.SUCCEEDED or found.id not in answered
                assert (found.result == result_of(found.id)) == (found.state is State.SUCCEEDED)
            again = [draft(unique=one.unique, payload=b"again") for one in tasks]
            refused = {one.index for one in await store.enqueue(again) if one.what is Refusal.UNIQUE}
            held = {n for n, state in enumerate(await states(store, [one.id for one in tasks])) if not _ended(state)}
            assert refused == held, "a key is held by what is live and by nothing else"
            await store.cancel([one.id for one in [*tasks, *again]])

    async def test_what_a_killed_holder_held_is_taken_over_once(self, store: BaseTaskQueue, url: str) -> None:
        tasks = [draft() for _ in range(10)]
        await store.enqueue(tasks)
        child = await Child.start("hold", url, 6)
        await child.hear(says("holds", 1))
        await child.kill()
        [held] = child.words("holds")

        taken: list[ClaimedTask] = []
        async with store.companion() as companion:
            while len(taken) < len(held):
                for answer in await asyncio.gather(
                    *(
                        one.reclaim(limit=2, lease=60 * SECOND, worker="second", claim_id=new_claim_id())
                        for one in (store, companion)
                    )
                ):
                    taken += answer

        assert sorted(ids_of(taken)) == sorted(held)
        assert await store.settle([ending(task) for task in taken]) == []

    async def test_a_killed_process_leaves_no_lock_behind(self, store: BaseTaskQueue, url: str) -> None:
        for part, what in (("enqueue", "sends"), ("work", "settles"), ("hold", "holds")):
            child = await Child.start(part, url, 3)
            await child.hear(says(what, 1))
            await child.kill()

            task = draft(queue="other")
            assert await asyncio.wait_for(store.enqueue([task]), FUSE) == []
            assert await states(store, [task.id]) == [State.READY]

    async def test_racing_processes_are_given_each_task_once(self, store: BaseTaskQueue, url: str) -> None:
        children = [await Child.start("work", url, 3) for _ in range(3)]
        tasks = [draft() for _ in range(300)]
        await store.enqueue(tasks)
        await asyncio.gather(*(child.end() for child in children))
        rest = await Child.start("work", url, 50)
        await rest.end()

        given = [one for child in (*children, rest) for batch in child.words("settles") for one in batch]
        assert sorted(given) == sorted(one.id for one in tasks)
        assert set(await states(store, given)) == {State.SUCCEEDED}

    async def test_of_racing_processes_one_gets_each_key(self, store: BaseTaskQueue, url: str) -> None:
        children = [await Child.start("grab", url, 60) for _ in range(3)]
        await asyncio.gather(*(child.end() for child in children))

        assert sorted(number for child in children for number in child.words("got")) == list(range(60))


def _ended(state: State | None) -> bool:
    return state is not None and state.terminal
