"""A private cluster of three masters, made by the commands themselves."""

import contextlib
import socket
import time

from tests.redis.server import running

SLOTS = 16384


def ask(server, *words):
    """Send one command and give the first piece of its reply as text."""
    parts = [str(word).encode() for word in words]
    command = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    with socket.create_connection(("127.0.0.1", server.port), 5) as line:
        line.sendall(command)
        return line.recv(1 << 16).decode()


@contextlib.contextmanager
def cluster(*, slots=SLOTS, **options):
    """Three nodes that share the slots from 0 on; give them once each says that the cluster is as it was asked for."""
    with contextlib.ExitStack() as stack:
        nodes = []
        while len(nodes) < 3:
            node = stack.enter_context(
                running(
                    cluster_enabled="yes",
                    cluster_node_timeout="2000",
                    cluster_require_full_coverage="no",
                    **options,
                )
            )
            nodes.append(node)
        for place, node in enumerate(nodes):
            mine = range(slots * place // 3, slots * (place + 1) // 3)
            assert ask(node, "CLUSTER", "ADDSLOTS", *mine).startswith("+OK")
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for node in nodes[1:]:
            assert ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port).startswith("+OK")
        end = time.monotonic() + 60
        wanted = (f"cluster_slots_assigned:{slots}", "cluster_known_nodes:3", "cluster_state:ok")
        while not all(word in ask(node, "CLUSTER", "INFO") for node in nodes for word in wanted):
            assert time.monotonic() < end, ask(nodes[0], "CLUSTER", "INFO")
            time.sleep(0.02)
        yield nodes
