"""The proxy breaks what it was told to break; shown on a server that adds up what it is sent."""

from __future__ import annotations

import asyncio

import pytest

from omniq.testing.proxy import Flow, TcpProxy

FUSE = 20


class Adder:
    """Takes lines with a number, keeps the sum, answers it. Its sum tells what was applied."""

    def __init__(self):
        self.sum = 0
        self.changed = asyncio.Event()

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                self.sum += int(line)
                self.changed.set()
                writer.write(b"%d\n" % self.sum)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def reaches(self, total):
        while self.sum < total:
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
def adder():
    return Adder()


@pytest.fixture
async def proxy(adder):
    server = await asyncio.start_server(adder.serve, "127.0.0.1", 0)
    async with TcpProxy(*server.sockets[0].getsockname()) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()


@pytest.fixture
async def connect(proxy):
    clients = []

    async def connect(to=proxy):
        clients.append(Client(*await asyncio.open_connection(to.host, to.port)))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
        await asyncio.gather(client.writer.wait_closed(), return_exceptions=True)


@pytest.fixture
async def client(connect):
    return await connect()


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, number):
        self.writer.write(b"%d\n" % number)

    async def answer(self):
        return await asyncio.wait_for(self.reader.readline(), FUSE)

    async def ask(self, number):
        self.send(number)
        return await self.answer()

    def close(self):
        self.writer.close()


async def test_what_is_not_broken_passes(proxy, client):
    assert [await client.ask(n) for n in (1, 2, 3)] == [b"1\n", b"3\n", b"6\n"]
    assert proxy.connections == 1
    assert (proxy.passed(Flow.REQUESTS), proxy.passed(Flow.REPLIES)) == (6, 6)


async def test_a_dropped_reply_was_applied_and_its_connection_is_gone(proxy, client, adder, connect):
    with proxy.replies_dropped():
        client.send(5)
        await asyncio.wait_for(proxy.arrived(Flow.REPLIES, 2), FUSE)

    with pytest.raises(ConnectionError):
        await client.answer()
    assert adder.sum == 5
    assert await (await connect()).ask(1) == b"6\n"


async def test_a_dropped_request_was_not_applied(proxy, client, adder):
    with proxy.requests_dropped():
        client.send(5)
        await asyncio.wait_for(proxy.arrived(Flow.REQUESTS, 2), FUSE)

    with pytest.raises(ConnectionError):
        await client.answer()
    assert adder.sum == 0


async def test_a_reset_comes_at_its_byte_and_once(proxy, client, adder, connect):
    with proxy.reset_at(2):
        client.send(12345)
        assert await asyncio.wait_for(client.reader.readexactly(2), FUSE) == b"12"
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(client.reader.readexactly(1), FUSE)
        assert await (await connect()).ask(0) == b"12345\n"


async def test_a_reset_at_no_byte_hides_a_whole_reply(proxy, client, adder):
    with proxy.reset_at(0):
        client.send(7)
        with pytest.raises(ConnectionError):
            await client.answer()

    assert adder.sum == 7


async def test_a_reset_within_a_request_applies_nothing_of_it(proxy, client, adder):
    with proxy.reset_at(2, Flow.REQUESTS):
        client.send(12345)
        assert await client.answer() == b"", "the client's end is closed"

    assert adder.sum == 0


async def test_a_black_hole_holds_everything_back_and_lets_it_go_late(proxy, client, adder):
    with proxy.black_hole():
        client.send(5)
        await asyncio.wait_for(proxy.arrived(Flow.REQUESTS, 2), FUSE)
        client.close()
        assert adder.sum == 0

    await asyncio.wait_for(adder.reaches(5), FUSE)


async def test_a_cut_inside_a_black_hole_loses_what_it_held(proxy, client, adder, connect):
    with proxy.black_hole():
        client.send(5)
        await asyncio.wait_for(proxy.arrived(Flow.REQUESTS, 2), FUSE)
        proxy.cut()

    assert await (await connect()).ask(1) == b"1\n"


async def test_latency_delays_and_changes_nothing(proxy, client):
    loop = asyncio.get_running_loop()
    began = loop.time()
    with proxy.latency(0.02):
        assert await client.ask(5) == b"5\n"

    assert loop.time() - began >= 0.04


async def test_a_server_that_is_not_there_ends_the_connection(proxy, client, connect):
    async with TcpProxy("127.0.0.1", proxy.port) as other:
        await proxy.close()
        assert await (await connect(other)).answer() == b""


async def test_a_url_is_led_through_with_all_that_it_says():
    async with TcpProxy.before("redis://me:p%40ss@127.0.0.1:6379/3?timeout=1") as proxy:
        assert proxy.through("redis://me:p%40ss@127.0.0.1:6379/3?timeout=1") == (
            f"redis://me:p%40ss@127.0.0.1:{proxy.port}/3?timeout=1"
        )


def test_a_url_without_a_port_is_refused_without_its_password():
    with pytest.raises(ValueError, match="needs the host and the port") as caught:
        TcpProxy.before("redis://me:secret@localhost/0")

    assert "secret" not in str(caught.value)
