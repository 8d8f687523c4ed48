"""The cases of the network pass on an honest store behind a socket, and catch those that are not."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack

import pytest
from remote import PLANTED, register, serving

from omniq.plugins.registry import registry
from omniq.testing import NetworkConformance
from omniq.testing.kit import network
from omniq.testing.proxy import Flow, TcpProxy


@pytest.fixture(autouse=True)
def schemes(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))  # taken back at the end
    register()


class TestRemote(NetworkConformance):
    @pytest.fixture
    async def url(self):
        async with serving() as port:
            yield f"remote://127.0.0.1:{port}/"


@pytest.mark.parametrize(
    ("client", "server", "name"),
    [(*places, name) for places, names in PLANTED.items() for name in sorted(names)],
)
async def test_a_store_that_strays_is_caught(monkeypatch, client, server, name):
    monkeypatch.setattr(network, "PATIENCE", 3)
    case = getattr(NetworkConformance(), name)
    async with AsyncExitStack() as stack:
        url = f"{client}://127.0.0.1:{await stack.enter_async_context(serving(server))}/"
        proxy = await stack.enter_async_context(TcpProxy.before(url))
        given = {
            "proxy": proxy,
            "flow": Flow.REPLIES,
            "store": registry.backend(proxy.through(url), project="p").tasks(),
            "near": registry.backend(url, project="p").tasks(),
        }

        with pytest.raises(Exception, match=r".") as caught:
            await case(**{one: given[one] for one in inspect.signature(case).parameters})

    assert not isinstance(caught.value, TypeError | AttributeError), "the plant itself is broken"
