"""Worker processes that a command starts and owns: `omniq worker APP`, some of them meant to be killed.

Leaving the block ends every one that still runs, whatever happened inside.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ("Crew",)


class Crew:
    """`count` workers of one app, logging into `place`.

    One task at once a worker: the demo's body is pure Python, and two threads that want the GIL all the time took
    twice as long as one (1,790 files: 14 s and 7 s).
    """

    def __init__(self, app: str, count: int, place: Path, *, lease: str, concurrency: int = 1) -> None:
        self._argv = [
            sys.executable, "-m", "omniq.cli", "worker", app,
            "--lease", lease, "--concurrency", str(concurrency),
        ]  # fmt: skip
        self._count = count
        self._place = place
        self._workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self._workers:
            try:
                worker.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    @property
    def alive(self) -> int:
        return sum(worker.poll() is None for worker in self._workers)

    def kill_one(self, holders: Sequence[str]) -> tuple[int, int]:
        """SIGKILL the worker that holds most; give its number and how many tasks it held.

        `holders` are the names of workers, one a running task. A worker's name has its pid in it. Where
        nobody else is left, a new one takes its place.
        """
        held = [sum(f"-{worker.pid}-" in name for name in holders) for worker in self._workers]
        place = max(range(len(held)), key=lambda one: (self._workers[one].poll() is None, held[one]))
        self._workers[place].kill()
        self._workers[place].wait()
        if not self.alive:
            self._start()
        return place + 1, held[place]

    def tail(self, lines: int = 20) -> str:
        """Give the end of every log."""
        texts = [path.read_text(errors="replace").splitlines()[-lines:] for path in self._logs()]
        return "\n".join(line for text in texts for line in text)

    def _logs(self) -> list[Path]:
        return sorted(self._place.glob("worker-*.log"))

    def _start(self) -> None:
        path = self._place / f"worker-{len(self._workers) + 1}.log"
        with path.open("wb") as log:  # the terminal's Ctrl-C is for us alone: we end them
            self._workers.append(
                subprocess.Popen(
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )
            )
