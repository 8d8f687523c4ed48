"""A server process that a test starts, kills, freezes and starts again, on one loopback port.

Invariant: it only ever signals the process that it started itself, by its id.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

__all__ = ("ServerProcess", "free_port")

FUSE = 30.0
"""Seconds within which a server must listen, or end."""


def free_port() -> int:
    """Give a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """One server; its port and folder stay the same over every restart.

    ServerProcess(lambda port: ["redis-server", "--port", str(port), "--appendonly", "yes"], folder=tmp_path)

    A subclass may override `is_ready`, which by default asks whether the port takes a connection.
    """

    def __init__(self, command: Callable[[int], Sequence[str]], *, folder: Path, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: it ended at once, or is not ready within 30 s; the text has the end of its log.
        """
        with self._log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [*self._command(self.port)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + FUSE
        while not self.is_ready():
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server is not ready after {FUSE:.0f} s:\n{self.tail()}")
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """Say whether it takes connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    @property
    def pid(self) -> int:
        return self._running().pid

    def kill(self) -> None:
        """Kill it as a power cut of the process does, and wait until it is gone."""
        process = self._running()
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Ask it to end, and kill it if it does not."""
        process = self._running()
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(timeout=FUSE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Start it again in the same place, after `kill` or `stop`."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop it without ending it; connections stay up and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def tail(self) -> str:
        """Give the end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def _log(self) -> Path:
        return self.folder / f"server-{self.port}.log"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process
