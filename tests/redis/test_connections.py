"""What happens to a handle when its server, its loop or its process changes under it."""

import asyncio
import os

import pytest
from tests.redis.words import standing, until, until_standing

from omniq.errors import ForkedStore, StoreClosed, StoreUnavailable, WrongLoop
from omniq.models.states import State
from omniq.models.values import HOUR, new_claim_id
from omniq.testing.kit.words import (
    FUSE,
    LEASE,
    draft,
    end,
    ending,
    enqueue,
    hold,
    ids_of,
    settle,
    states,
    take,
    take_one,
)
from omniq_redis import notify
from omniq_redis.tasks import claim


async def flush_scripts(store):
    await store._client.command(b"SCRIPT", b"FLUSH")


async def test_every_operation_survives_a_server_that_forgot_its_scripts(store):
    task = draft()
    for operation in (
        lambda: store.enqueue([task]),
        lambda: take(store),
        lambda: store.extend([], lease=LEASE),
        lambda: store.stats(),
        lambda: store.get([task.id]),
        lambda: store.cancel([task.id]),
        lambda: store.sweep(1),
        lambda: store.kv_put("ns", "k", b"v"),
        lambda: store.abandon(new_claim_id()),
    ):
        await flush_scripts(store)
        await operation()
    assert await states(store, [task.id]) == [State.RUNNING]


async def test_a_claim_that_stands_by_survives_a_server_that_forgot_its_scripts(store):
    waiting = await standing(store)
    await flush_scripts(store)

    [task_id] = await enqueue(store, draft())

    assert ids_of((await asyncio.wait_for(waiting, FUSE)).tasks) == [task_id]


async def test_a_handle_works_again_once_its_server_is_back(own_server, make):
    server = own_server(appendonly="yes", appendfsync="always")
    async with make(server.url) as store:
        [task_id] = await enqueue(store, draft())
        waiting = await standing(store, queues=["other"])
        listening = asyncio.ensure_future(store.wait_finished([task_id], timeout=HOUR))
        server.kill()

        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await store.stats()
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(waiting, FUSE)
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(listening, FUSE)

        server.start()
        listening = asyncio.ensure_future(store.wait_finished([task_id], timeout=HOUR))
        await settle(store, await take_one(store, wait=HOUR))
        assert await asyncio.wait_for(listening, FUSE) == [task_id]


async def test_a_frozen_server_is_unavailable_after_the_timeout_and_works_again_when_thawed(own_server, make):
    server = own_server()
    async with make(server.url, timeout=1.0) as store:
        server.freeze()
        try:
            with pytest.raises(StoreUnavailable, match=r"cannot be reached: no answer within 1 s"):
                await asyncio.wait_for(store.stats(), FUSE)
            with pytest.raises(StoreUnavailable, match=r"no answer within 1 s"):
                await asyncio.wait_for(store.stats(), FUSE)
        finally:
            server.thaw()

        assert await store.enqueue([draft()]) == []


async def test_a_cancelled_call_leaves_the_answers_of_the_others_in_order(store):
    tasks = [draft() for _ in range(20)]
    await enqueue(store, *tasks)
    calls = [asyncio.ensure_future(store.get([task.id])) for task in tasks]
    await asyncio.sleep(0)

    for call in calls[::3]:
        call.cancel()
    found = await asyncio.gather(*calls, return_exceptions=True)

    for place, (task, answer) in enumerate(zip(tasks, found, strict=True)):
        if place % 3:
            assert [one.id for one in answer] == [task.id]
        else:
            assert isinstance(answer, asyncio.CancelledError)


async def test_a_call_cancelled_while_the_server_takes_no_more_bytes_leaves_the_others_their_answers(own_server, make):
    server = own_server()
    async with make(server.url) as store:
        for name in "abcd":
            await store.kv_put("ns", name, name.encode())
        line = store._client._line
        server.freeze()
        try:
            before = asyncio.ensure_future(store.kv_get("ns", "a"))
            large = asyncio.ensure_future(store.kv_put("ns", "large", bytes(32 << 20)))

            async def is_blocked():
                return line._connection._writer.transport.get_write_buffer_size() > 1 << 20

            await until(is_blocked)
            large.cancel()
            await asyncio.gather(large, return_exceptions=True)
            behind = [asyncio.ensure_future(store.kv_get("ns", name)) for name in "bcd"]
            await asyncio.sleep(0)
        finally:
            server.thaw()

        found = await asyncio.wait_for(asyncio.gather(before, *behind), FUSE)
        assert [one.value for one in found] == [b"a", b"b", b"c", b"d"]
        assert store._client._line is line


async def test_a_line_whose_connection_is_gone_is_replaced_and_never_reconnects_under_its_calls(store):
    line = store._client._line
    await line._connection.disconnect(nowait=True)

    with pytest.raises(StoreUnavailable, match="the connection is gone"):
        await store.stats()

    assert await store.stats() == []
    assert store._client._line is not line
    assert line._connection._writer is None


async def test_two_openings_at_once_are_one_and_the_close_leaves_no_connection(store, make):
    async def clients():
        return (await store._client.command(b"CLIENT", b"LIST")).count(b"name=omniq")

    before, other = await clients(), make()
    await asyncio.gather(other.open(), other.open())
    assert await clients() == before + 1

    await other.close()

    async def are_gone():
        return await clients() == before

    await asyncio.wait_for(until(are_gone), FUSE)


async def test_a_claim_that_was_still_connecting_at_the_close_takes_nothing(store, make, monkeypatch):
    late = make()
    await late.open()
    connect, begun, closed = late._client.connector.connect, asyncio.Event(), asyncio.Event()

    async def slow():
        begun.set()
        await closed.wait()
        return await connect()

    monkeypatch.setattr(late._client.connector, "connect", slow)
    waiting = asyncio.ensure_future(take(late, wait=HOUR))
    await begun.wait()
    await late.close()
    monkeypatch.setattr(late._client.connector, "connect", connect)
    await late.open()
    [task_id] = await enqueue(store, draft())
    closed.set()

    assert (await asyncio.wait_for(waiting, FUSE)).tasks == []
    assert await states(store, [task_id]) == [State.READY]
    await late.close()


@pytest.mark.parametrize("patience", [3600.0, 0.01])
async def test_a_subscription_that_gets_no_answer_leaves_no_connection(own_server, make, monkeypatch, patience):
    monkeypatch.setattr(notify, "PATIENCE", patience)
    server, made = own_server(), []
    async with make(server.url) as store:
        [task_id] = await enqueue(store, draft())
        connect, begun = store._client.connector.connect, asyncio.Event()

        async def then_freeze():
            made.append(await connect())
            server.freeze()
            begun.set()
            return made[0]

        monkeypatch.setattr(store._client.connector, "connect", then_freeze)
        waiting = asyncio.ensure_future(store.wait_finished([task_id], timeout=HOUR))
        try:
            await begun.wait()
            await asyncio.sleep(0)
            if patience > FUSE:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            else:
                with pytest.raises(StoreUnavailable, match=r"no answer within 0\.01 s"):
                    await asyncio.wait_for(waiting, FUSE)
        finally:
            server.thaw()
        assert not made[0].is_connected


async def test_an_abandoned_claim_that_still_stands_by_leaves_its_wake_up_to_others(store, make, monkeypatch):
    """What a cancelled claim has sent may still be run: it must hand on the marker that it takes."""
    monkeypatch.setattr(claim, "POLL", 3600.0)  # so that only a marker wakes
    claim_id = new_claim_id()
    first = await standing(store, claim_id=claim_id)
    async with make() as other:
        second = asyncio.ensure_future(take(other, wait=HOUR))
        await until_standing(store, 2)
        await other.abandon(claim_id)

        [task_id] = await enqueue(store, draft())

        assert ids_of((await asyncio.wait_for(second, FUSE)).tasks) == [task_id]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_a_handle_belongs_to_its_loop(store):
    with pytest.raises(WrongLoop, match="belongs to another event loop; open a companion"):
        await asyncio.to_thread(asyncio.run, store.stats())

    async def elsewhere():
        async with store.companion() as companion:
            return await companion.enqueue([draft()])

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == []


async def test_a_handle_that_was_never_opened_says_so(make):
    with pytest.raises(StoreClosed, match="is not open; await open"):
        await make().stats()


async def test_an_open_handle_does_not_cross_a_fork_and_its_companion_does(store):
    [task_id] = await enqueue(store, draft())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "nothing"
        try:
            asyncio._set_running_loop(None)
            told = asyncio.run(_in_child(store, task_id))
        except BaseException as why:
            told = f"{type(why).__name__}: {why}"
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = await asyncio.to_thread(pipe.read)
    await asyncio.to_thread(os.waitpid, child, 0)

    assert told == "refused, then ended"
    assert await states(store, [task_id]) == [State.SUCCEEDED]


async def _in_child(store, task_id):
    for operation in (store.stats, store.open):
        try:
            await operation()
        except ForkedStore:
            continue
        return f"{operation} was not refused"
    async with store.companion() as companion:
        await settle(companion, await take_one(companion))
        assert await states(companion, [task_id]) == [State.SUCCEEDED]
    return "refused, then ended"


async def test_what_was_closed_while_it_waited_can_be_opened_again(store):
    waiting = await standing(store)
    listening = asyncio.ensure_future(store.wait_finished(await enqueue(store, draft(queue="x")), timeout=HOUR))
    await asyncio.sleep(0)

    await store.close()
    assert (await asyncio.wait_for(waiting, FUSE)).tasks == []
    assert await asyncio.wait_for(listening, FUSE) == []

    await store.open()
    task_id = await end(store, State.SUCCEEDED)
    assert await asyncio.wait_for(store.wait_finished([task_id], timeout=HOUR), FUSE) == [task_id]


async def test_a_renewal_by_a_companion_on_another_loop_finds_the_cancel(store):
    await enqueue(store, draft())
    task = await take_one(store)
    await store.cancel([task.fence.task_id])

    async def renew():
        async with store.companion() as companion:
            return await companion.extend([hold(task)], lease=LEASE)

    [answer] = await asyncio.to_thread(asyncio.run, renew())
    assert answer.what == "cancel"
    assert [one.what for one in await store.settle([ending(task, State.READY)])] == ["cancelled"]


async def test_a_large_call_keeps_its_order_on_a_server_that_forgot_its_scripts(store):
    await enqueue(store, draft(queue="other"))
    await flush_scripts(store)

    written = await enqueue(store, *(draft() for _ in range(1600)))

    assert ids_of((await take(store, 1600)).tasks) == written


async def test_a_claim_stands_by_at_once_on_a_server_that_was_restarted_while_nobody_asked(own_server, make):
    server = own_server()
    async with make(server.url) as store:
        await take(store, wait=1000)  # leaves a connection to stand by with
        server.kill()
        server.start()

        async def has_noticed():
            return store._client._line.broken is not None

        await until(has_noticed)
        waiting = await standing(store)
        [task_id] = await enqueue(store, draft())

        assert ids_of((await asyncio.wait_for(waiting, FUSE)).tasks) == [task_id]


@pytest.mark.parametrize("micros", [1, 900, 1000, 1001])
async def test_the_shortest_wait_has_an_end(store, micros):
    assert (await asyncio.wait_for(take(store, wait=micros), FUSE)).tasks == []
