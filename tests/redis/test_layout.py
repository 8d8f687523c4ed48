"""What stands in the server: bytes that read back, nothing left behind, and children beyond one call's budget."""

import pytest

from omniq.models.states import Counter, OnParent, State, Until
from omniq.models.values import DAY, HOUR, SECOND, new_id
from omniq.storage.records import Fence, Where
from omniq.testing.clock import VirtualClock
from omniq.testing.kit.words import draft, end, ending, enqueue, ids_of, key, record, settle, states, take, take_one
from omniq_redis.tasks import admin
from omniq_redis.tasks import settle as settling
from omniq_redis.tasks.layout import envelope_of, fence_bytes, id_bytes, id_text, is_id, opened


@pytest.fixture
async def store(make):
    store = make()
    store.clock = VirtualClock()
    async with store:
        yield store


async def keys(store):
    """The keys of the project that are there, without their prefix."""
    prefix = store._client.prefix
    found = await store._client.command(b"KEYS", f"{prefix.replace('{', chr(92) + '{')}*")
    return {one.decode().removeprefix(prefix) for one in found}


async def swept(store):
    while (await store.sweep(100)).more:
        pass


@pytest.mark.parametrize(
    "text", [new_id(), "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
)
def test_an_id_reads_back_from_its_bytes(text):
    assert id_text(id_bytes(text)) == text
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "nope", new_id().upper(), new_id().replace("-", ""), new_id()[:-1] + "x"])
async def test_what_is_no_id_is_unknown_and_refused_at_enqueue(store, text):
    assert not is_id(text)
    assert await store.get([text]) == [None]
    assert await store.cancel([text]) == ["missing"]
    with pytest.raises(ValueError, match="is no UUID"):
        await store.enqueue([draft(), draft(id=text)])
    assert (await store.stats()) == []


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"tags": ("x" * 70_000,)}, "tags .* take"),
        ({"name": "m" * 70_000}, "name .* takes"),
        ({"queue": "q" * 123}, "queue .* takes"),
        ({"queue": "ü" * 62}, "queue .* takes"),
        ({"delay": -5}, "delay of -5"),
        ({"delay": 1 << 53}, "delay of"),
        ({"run_at": 1 << 53}, "run_at of"),
        ({"keep": -5}, "keep of -5"),
        ({"ttl": -5}, "ttl of -5"),
        ({"unique": key("a", until=Until.WINDOW, window=-5)}, "window of -5"),
    ],
)
async def test_what_the_layout_cannot_hold_is_refused_before_anything_is_written(store, bad, text):
    with pytest.raises(ValueError, match=text):
        await store.enqueue([*(draft() for _ in range(600)), draft(**bad)])
    assert await store.stats() == []

    await enqueue(store, draft())
    task = await take_one(store)
    with pytest.raises(ValueError, match=text):
        await store.settle([ending(task, after=(draft(**bad),))])
    assert await states(store, [task.fence.task_id]) == [State.RUNNING]


@pytest.mark.parametrize("bad", [{"delay": -1}, {"keep": -1}, {"keep": 1 << 53}])
async def test_a_settlement_that_cannot_be_written_is_refused_with_all_others(store, bad):
    await enqueue(store, draft(), draft())
    first, second = (await take(store, 2)).tasks

    with pytest.raises(ValueError, match=f"{next(iter(bad))} of"):
        await store.settle([ending(first), ending(second, State.READY, **bad)])

    assert await states(store, [first.fence.task_id]) == [State.RUNNING]


def test_an_envelope_reads_back_with_every_length_of_its_parts():
    for name, tags, policy, payload in (("m:f", (), b"", b""), ("m" * 200, ("a", "ü" * 50), b"p" * 70_000, b"\0" * 10)):
        found = opened(envelope_of(draft(name=name, tags=tags, policy=policy, payload=payload), bytes(range(16))))

        assert (found[0], found[2], found[3]) == (name, policy, payload)
        assert bool(found[1]) is bool(tags)


def test_a_fence_has_28_bytes_whatever_its_numbers():
    assert {
        len(fence_bytes(Fence(new_id(), attempt, claim))) for attempt in (0, 2**32 - 1) for claim in (1, 2**62)
    } == {28}


async def test_a_purged_project_leaves_nothing_but_its_format(store):
    parent = draft()
    await enqueue(store, parent)
    await enqueue(
        store,
        draft(parents=(parent.id,), on_parent=OnParent.RUN, queue="x", unique=key("a"), tags=("t",)),
        draft(ttl=SECOND, queue="x", delay=HOUR),
        draft(delay=HOUR, queue="y", priority=9),
    )
    await store.wait_finished([parent.id], timeout=1)
    task = await take_one(store)
    await settle(store, task, State.READY, count=Counter.FAILURES, error=b"why", note=b"here")
    await settle(store, await take_one(store), State.FAILED, error=b"why", result=b"", after=(draft(queue="z"),))
    await store.requeue([parent.id])
    store.clock.advance("2h")
    await swept(store)
    for queue in ("default", "x", "y", "z"):
        await store.settle([ending(one, result=b"v") for one in (await take(store, 10, queues=[queue])).tasks])
    await store.abandon(5)
    await store.kv_put("ns", "k", b"v", due=1)
    await store.kv_delete("ns", "k")
    await store.set_paused(["x"], True)
    await store.set_paused(["x"], False)
    store.clock.step(2 * DAY)
    await swept(store)

    assert await keys(store) <= {"format"}
    assert await store.stats() == []


async def test_a_window_leaves_nothing_once_it_is_over(store):
    await end(store, State.SUCCEEDED, unique=key("a", until=Until.WINDOW, window=HOUR))
    store.clock.step(2 * DAY)
    await swept(store)

    assert await keys(store) <= {"format"}


async def test_more_children_than_one_call_tells_are_all_told_when_settle_has_answered(store):
    [parent] = await enqueue(store, draft())
    children = await enqueue(store, *(draft(parents=(parent,), queue="kids") for _ in range(1300)))

    await settle(store, await take_one(store))

    assert sorted(ids_of((await take(store, 2000, queues=["kids"])).tasks)) == sorted(children)


@pytest.mark.parametrize("how", ["settle", "cancel"])
async def test_children_that_a_dying_caller_left_untold_are_told_by_any_sweep(store, monkeypatch, how):
    async def die(*args):
        pass

    monkeypatch.setattr(settling, "resolve", die)
    monkeypatch.setattr(admin, "resolve", die)
    [parent] = await enqueue(store, draft())
    children = await enqueue(store, *(draft(parents=(parent,), queue="kids") for _ in range(1300)))

    if how == "settle":
        await settle(store, await take_one(store))
        wanted = State.READY
    else:
        await store.cancel([parent])
        wanted = State.SKIPPED
    assert set(await states(store, children)) == {State.WAITING, wanted}
    assert await store.delete([parent]) == ["needed"]
    async with store.companion() as companion:
        await swept(companion)

    assert set(await states(store, children)) == {wanted}
    assert (await record(store, parent)).state.terminal
    assert "todo" not in await keys(store)


@pytest.mark.parametrize("by", ["caller", "sweep", "delete"])
async def test_children_with_more_parents_than_one_call_lets_go_hold_none_at_the_end(store, monkeypatch, by):
    async def die(*args):
        pass

    if by != "caller":
        monkeypatch.setattr(admin, "resolve", die)
    parents = await enqueue(store, *(draft(queue="p") for _ in range(2000)))
    children = await enqueue(store, *(draft(parents=tuple(parents)) for _ in range(4)))

    assert await store.cancel(children) == ["cancelled"] * 4
    assert ("undo" in await keys(store)) is (by != "caller")
    if by == "delete":
        assert await store.delete(children) == ["deleted"] * 4
    elif by == "sweep":
        await swept(store)

    assert {"kc", "ko", "undo"}.isdisjoint(await keys(store))
    assert await store.cancel(parents) == ["cancelled"] * 2000
    assert await store.delete(parents) == ["deleted"] * 2000


async def test_children_that_were_requeued_before_all_their_parents_were_let_go_hold_them_again(store, monkeypatch):
    async def die(*args):
        pass

    monkeypatch.setattr(admin, "resolve", die)
    parents = await enqueue(store, *(draft(queue="p") for _ in range(2000)))
    children = await enqueue(store, *(draft(parents=tuple(parents)) for _ in range(4)))
    await store.cancel(parents)
    await swept(store)
    assert set(await states(store, children)) == {State.SKIPPED}

    assert await store.requeue(children) == ["requeued"] * 4
    await store.cancel(children)
    await store.requeue(children)
    await swept(store)

    assert set(await store.delete(parents)) == {"needed"}


async def test_queues_without_tasks_are_forgotten_and_those_with_some_are_not(store):
    names = [f"user-{n}" for n in range(600)]
    await enqueue(store, *(draft(queue=name) for name in names))
    await store.cancel([one.id for one in (await store.list(Where(queue="user-0"))).items])
    for name in names[1:]:
        await store.settle([ending(one) for one in (await take(store, queues=[name])).tasks])
    [stays] = await enqueue(store, draft(queue="user-7", delay=3 * DAY))
    store.clock.step(2 * DAY)
    await swept(store)

    assert [one.queue for one in await store.stats()] == ["user-7"]
    assert await store._client.command(b"HLEN", f"{store._client.prefix}c") <= 3
    assert {one for one in await keys(store) if one.startswith("m:")} <= {"m:user-7"}
    assert await states(store, [stays]) == [State.READY]


async def test_more_queues_than_one_command_names_are_counted(store):
    names = [f"q{n}" for n in range(8500)]
    await enqueue(store, draft(queue="q8499"), draft(queue="q0"))

    found = await store.stats(names)

    assert len(found) == 8500
    assert [one.queue for one in found if one.counts[State.READY]] == ["q0", "q8499"]


async def test_a_window_of_0_is_not_kept(store):
    await enqueue(store, draft(unique=key("a", until=Until.WINDOW, window=0)))

    assert "u" not in await keys(store)
    await enqueue(store, draft(unique=key("a", until=Until.WINDOW, window=0)))


def lua_hash(text):
    """How Lua 5.1 hashes a string (lstring.c): long ones by every few bytes only."""
    found, step = len(text), (len(text) >> 5) + 1
    for at in range(len(text), step - 1, -step):
        found ^= ((found << 5) + (found >> 2) + text[at - 1]) & 0xFFFFFFFF
    return found


@pytest.mark.parametrize("queue", ["a", "default", "q" * 64])
async def test_equal_tasks_have_hashes_of_their_own_in_lua(store, queue):
    written = await enqueue(store, *(draft(queue=queue) for _ in range(300)))
    blobs, envelopes = [
        await store._client.command(b"HMGET", f"{store._client.prefix}{hash_}", *map(id_bytes, written))
        for hash_ in "sp"
    ]

    assert len({lua_hash(blob) for blob in blobs}) > 100  # by one byte at least
    assert len({lua_hash(envelope) for envelope in envelopes}) > 100
    assert {one.digest for one in await store.get(written)} == {draft(queue=queue).digest}
