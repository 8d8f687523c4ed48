"""A place that cannot be used says which, why and what to do, and never its password."""

import ssl

import pytest
from redis.asyncio.connection import SSLConnection
from tests.redis.server import free_port

from omniq.errors import StoreCorrupt, StoreRefused, StoreUnavailable
from omniq.testing.kit.words import draft
from omniq_redis.connecting import Connector
from omniq_redis.options import RedisOptions


async def test_a_wrong_password_is_refused_at_open(own_server, make):
    server = own_server(requirepass="right-one")
    async with make(server.url) as store:
        assert await store.enqueue([draft()]) == []

    with pytest.raises(StoreRefused) as caught:
        await make(f"redis://:wrong-one@127.0.0.1:{server.port}/0").open()

    assert f"redis://:***@127.0.0.1:{server.port}/0 refuses this user or password" in str(caught.value)
    assert "correct the URL" in str(caught.value)
    assert "wrong-one" not in str(caught.value)


async def test_no_password_where_one_is_needed_is_refused_at_open(own_server, make):
    server = own_server(requirepass="right-one")

    with pytest.raises(StoreRefused, match="refuses this user or password"):
        await make(f"redis://127.0.0.1:{server.port}/0").open()


async def test_a_server_that_is_not_there_is_unavailable(make):
    port = free_port()

    with pytest.raises(StoreUnavailable) as caught:
        await make(f"redis://me:secret@127.0.0.1:{port}/0").open()

    assert str(caught.value).startswith(f"redis://me:***@127.0.0.1:{port}/0 cannot be reached: ")
    assert "see that the server runs and the URL is right" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_database_that_the_server_lacks_is_refused(redis_server, make):
    with pytest.raises(StoreRefused, match="name a database that the server has"):
        await make(redis_server.url.removesuffix("/0") + "/9999").open()


async def test_a_single_server_is_no_cluster(redis_server, make):
    with pytest.raises(StoreRefused, match=r"is no cluster; write redis:// instead"):
        await make(redis_server.url.replace("redis://", "redis+cluster://").removesuffix("/0")).open()


async def test_a_project_of_a_newer_layout_is_left_alone(store, make):
    await store._client.command(b"SET", f"{store._client.prefix}format", b"2")

    with pytest.raises(StoreCorrupt, match="layout b'2', this version knows 1; upgrade omniq-redis"):
        await make().open()


async def test_keys_of_another_program_are_named_as_that(store):
    await store._client.command(b"SET", f"{store._client.prefix}s", b"not ours")

    with pytest.raises(StoreCorrupt, match="damaged, or are another program's"):
        await store.enqueue([draft()])


async def test_the_check_names_a_server_that_evicts_and_keeps_nothing(own_server, make):
    server = own_server(maxmemory="64mb", maxmemory_policy="allkeys-lru")
    async with make(server.url) as store:
        bad = {one.name: one for one in await store.check() if not one.ok}

    assert set(bad) == {"eviction", "persistence"}
    assert "allkeys-lru" in bad["eviction"].text
    assert store.describe() in bad["eviction"].text


async def test_the_check_of_a_durable_server_that_never_evicts_is_clean(own_server, make):
    async with make(own_server(appendonly="yes").url) as store:
        assert [one for one in await store.check() if not one.ok] == []


async def test_a_unix_socket_serves_as_well(own_server, make, tmp_path):
    own_server(unixsocket=tmp_path / "redis.sock")

    async with make(f"redis+unix://{tmp_path}/redis.sock?database=1") as store:
        assert await store.enqueue([draft()]) == []
        assert store.describe() == f"redis+unix://{tmp_path}/redis.sock?database=1"


@pytest.mark.parametrize(("option", "verified"), [("", True), ("?verify=false", False)])
def test_tls_checks_the_server_unless_it_is_told_not_to(option, verified):
    made = Connector(RedisOptions(url=f"rediss://cache{option}"), "oq:{shop}:")._make("cache", 6379)

    assert isinstance(made, SSLConnection)
    assert made.ssl_context.check_hostname is verified
    assert made.ssl_context.cert_reqs == (ssl.CERT_REQUIRED if verified else ssl.CERT_NONE)
