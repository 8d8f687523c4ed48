"""A cluster of three nodes answers the kit; a project moves, or has no node, and a handle says so."""

import uuid

import pytest
from tests.redis.cluster import SLOTS, ask, cluster

from omniq.errors import StoreUnavailable
from omniq.models.states import State
from omniq.models.values import HOUR
from omniq.testing import QueueConformance, ResultConformance
from omniq.testing.kit.words import draft, enqueue, settle, states, take_one
from omniq_redis.backend import RedisBackend
from omniq_redis.options import RedisOptions

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def nodes():
    with cluster() as nodes:
        yield nodes


def backend_on(nodes, project):
    return RedisBackend(RedisOptions(url=f"redis+cluster://127.0.0.1:{nodes[0].port}"), project=project)


@pytest.fixture
def backend(nodes):
    mark = uuid.uuid4().hex[:8]
    return lambda project: backend_on(nodes, f"{project}-{mark}")


class TestClusterTasks(QueueConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).tasks()


class TestClusterResults(ResultConformance):
    @pytest.fixture
    def factory(self, backend):
        return lambda project: backend(project).results()


async def test_projects_are_spread_over_the_nodes(nodes):
    seen = set()
    for number in range(30):
        async with backend_on(nodes, f"spread-{number}").tasks() as store:
            await enqueue(store, draft())
            seen.add(await store._client.connector._where())

    assert seen == {("127.0.0.1", node.port) for node in nodes}


async def test_a_project_whose_slot_has_moved_is_followed(nodes):
    project = f"moving-{uuid.uuid4().hex[:8]}"
    async with backend_on(nodes, project).tasks() as store:
        _, port = await store._client.connector._where()
        source = next(node for node in nodes if node.port == port)
        target = next(node for node in nodes if node.port != port)
        slot = ask(source, "CLUSTER", "KEYSLOT", store._client.prefix).strip().lstrip(":")
        for key in await store._client.command(b"KEYS", f"{store._client.prefix}*"):
            await store._client.command(b"DEL", key)  # an empty slot needs no migration
        owner = ask(target, "CLUSTER", "MYID").split("\r\n")[1]
        for node in (target, source, *(one for one in nodes if one not in (source, target))):
            assert ask(node, "CLUSTER", "SETSLOT", slot, "NODE", owner).startswith("+OK")

        with pytest.raises(StoreUnavailable, match="cannot answer now"):
            await store.enqueue([draft()])
        [task_id] = await enqueue(store, draft())
        await settle(store, await take_one(store, wait=HOUR))

        assert await states(store, [task_id]) == [State.SUCCEEDED]
        assert await store._client.connector._where() == ("127.0.0.1", target.port)


async def test_a_slot_that_no_node_serves_is_named_with_the_keys():
    with cluster(slots=3) as nodes:
        with pytest.raises(StoreUnavailable) as caught:
            await backend_on(nodes, "shop").tasks().open()

    assert "no node serves the slot of the keys oq:{shop}:*" in str(caught.value)
    assert "redis-cli cluster info" in str(caught.value)
    assert SLOTS > 3
