"""The crash cases have teeth: children that were answered for what is not there are found out.

A scripted child says what a real one would say, and does to the store what a broken backend would have done.
"""

from __future__ import annotations

import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.testing import CrashConformance
from omniq.testing.child import result_of
from omniq.testing.kit import crashes
from omniq.testing.kit.words import draft, key, take


class Script:
    """Plays every part by a function: it acts on the store and gives what the child says."""

    def __init__(self, monkeypatch, store):
        self.store, self.parts = store, {}
        script = self

        class Scripted:
            def __init__(self, said):
                self.said = said

            @classmethod
            async def start(cls, part, url, argument):
                return cls(await script.parts[part](argument))

            async def hear(self, enough):
                assert enough(self.said)

            async def kill(self):
                pass

            async def end(self):
                pass

            words = crashes.Child.words

        monkeypatch.setattr(crashes, "Child", Scripted)


@pytest.fixture
async def store():
    async with MemoryBackend().tasks() as store:
        yield store


@pytest.fixture
def script(monkeypatch, store):
    monkeypatch.setattr(crashes, "ROUNDS", 1)
    return Script(monkeypatch, store)


class Cases(CrashConformance):
    """The cases, to be called by hand."""


async def test_an_answered_batch_that_is_not_there_is_found_out(store, script):
    async def enqueue(size):
        ids = [draft().id for _ in range(size)]
        return [["sends", ids], ["sent", ids]]

    script.parts["enqueue"] = enqueue

    with pytest.raises(AssertionError):
        await Cases().test_an_answered_enqueue_survives_a_kill_and_an_unanswered_one_is_whole_or_absent(store, "")


async def test_half_a_batch_is_found_out(store, script):
    async def enqueue(size):
        whole, half = [draft() for _ in range(size)], [draft() for _ in range(size)]
        await store.enqueue([*whole, *half[: size // 2]])
        ids = [one.id for one in whole]
        return [["sends", ids], ["sent", ids], ["sends", [one.id for one in half]]]

    script.parts["enqueue"] = enqueue

    with pytest.raises(AssertionError):
        await Cases().test_an_answered_enqueue_survives_a_kill_and_an_unanswered_one_is_whole_or_absent(store, "")


@pytest.mark.parametrize("result", [None, "another"])
async def test_an_ending_without_its_result_is_found_out(store, script, result):
    async def work(limit):
        tasks = (await take(store, limit)).tasks
        await store.settle(
            [crashes.ending(one, result=result and result_of(result)) for one in tasks],
        )
        return [["settled", [one.fence.task_id for one in tasks]]]

    script.parts["work"] = work

    with pytest.raises(AssertionError):
        await Cases().test_an_answered_ending_survives_a_kill_and_every_ending_has_its_result(store, "")


async def test_an_answered_ending_that_is_not_there_is_found_out(store, script):
    async def work(limit):
        return [["settled", [one.fence.task_id for one in (await take(store, limit)).tasks]]]

    script.parts["work"] = work

    with pytest.raises(AssertionError):
        await Cases().test_an_answered_ending_survives_a_kill_and_every_ending_has_its_result(store, "")


async def test_a_task_given_to_two_processes_is_found_out(store, script):
    given = []

    async def work(limit):
        if not given:
            await store.enqueue([draft()])
            given.extend(one.fence.task_id for one in (await take(store)).tasks)
        return [["settles", given]]

    script.parts["work"] = work

    with pytest.raises(AssertionError):
        await Cases().test_racing_processes_are_given_each_task_once(store, "")


async def test_a_key_that_two_processes_got_is_found_out(store, script):
    async def grab(count):
        return [["got", number] for number in range(count)]

    script.parts["grab"] = grab

    with pytest.raises(AssertionError):
        await Cases().test_of_racing_processes_one_gets_each_key(store, "")


async def test_honest_children_pass(store, script):
    async def work(limit):
        said = []
        while tasks := (await take(store, limit)).tasks:
            ids = [one.fence.task_id for one in tasks]
            await store.settle([crashes.ending(one, result=result_of(one.fence.task_id)) for one in tasks])
            said += [["settles", ids], ["settled", ids]]
        return said

    async def enqueue(size):
        batch = [draft() for _ in range(size)]
        ids = [one.id for one in batch]
        await store.enqueue(batch)
        return [["sends", ids], ["sent", ids], ["sends", [draft().id for _ in range(size)]]]

    async def grab(count):
        return [["got", number] for number in range(count) if not await store.enqueue([draft(unique=key(str(number)))])]

    script.parts |= {"work": work, "enqueue": enqueue, "grab": grab}

    await Cases().test_an_answered_enqueue_survives_a_kill_and_an_unanswered_one_is_whole_or_absent(store, "")
    await Cases().test_an_answered_ending_survives_a_kill_and_every_ending_has_its_result(store, "")
    await Cases().test_of_racing_processes_one_gets_each_key(store, "")
