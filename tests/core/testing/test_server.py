"""A server is started, killed, frozen and started again in one place."""

from __future__ import annotations

import socket
import sys

import pytest

from omniq.testing.server import ServerProcess

ECHO = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        while data := connection.recv(100):
            connection.sendall(data)
"""


@pytest.fixture
def server(tmp_path):
    with ServerProcess(lambda port: [sys.executable, "-c", ECHO, str(port)], folder=tmp_path) as server:
        yield server


def echoed(server, timeout=20):
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        connection.sendall(b"hello")
        return connection.recv(100)


def test_a_started_server_answers_and_a_killed_one_refuses(server):
    assert echoed(server) == b"hello"
    server.kill()

    with pytest.raises(ConnectionRefusedError):
        echoed(server)


def test_a_server_comes_back_at_the_same_port(server):
    port, pid = server.port, server.pid
    server.kill()
    server.restart()

    assert (server.port, echoed(server)) == (port, b"hello")
    assert server.pid != pid
    server.restart()
    assert echoed(server) == b"hello"


def test_a_frozen_server_takes_connections_and_answers_nothing_until_it_is_thawed(server):
    server.freeze()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"hello")
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(100)
        connection.settimeout(20)
        server.thaw()

        assert connection.recv(100) == b"hello"


def test_a_server_that_ends_at_once_is_reported_with_its_words(tmp_path):
    server = ServerProcess(lambda port: [sys.executable, "-c", "raise SystemExit('no such option')"], folder=tmp_path)

    with pytest.raises(RuntimeError, match="ended with 1:\nno such option"):
        server.start()
