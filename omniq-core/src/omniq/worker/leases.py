"""Keeps the leases of one worker, on a thread and a store handle of its own.

User code that blocks the loop must not lose its leases, so nothing here runs on that loop but the answers.
Invariant: an attempt whose lease was not confirmed for 0.9 of its length is treated as lost, whatever the
store may say later; times are monotonic and count from the moment a request was sent.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from omniq.direct import drive
from omniq.errors import StoreError
from omniq.models.values import SECOND, Micros
from omniq.storage.base import Feature
from omniq.storage.records import Hold, Trouble
from omniq.storage.tasks import BaseTaskQueue
from omniq.worker.attempt import Attempt

__all__ = ("Leases",)

log = logging.getLogger("omniq.worker")

FENCE_AT = 0.9


class Leases:
    """What this worker holds, by task id. All methods but the thread's own are for the loop."""

    def __init__(
        self,
        store: BaseTaskQueue,
        lease: Micros,
        *,
        on_lost: Callable[[Attempt], None],
        on_cancel: Callable[[Attempt], None],
    ) -> None:
        self._store = store.companion()
        self._direct = Feature.DIRECT in store.capabilities.features
        self._lease = lease
        self._seconds = lease / SECOND
        self._held: dict[str, Attempt] = {}
        self._on_lost = on_lost
        self._on_cancel = on_cancel
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._rng = random.Random()

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(list(self._held.values()))

    def add(self, attempts: Iterable[Attempt]) -> None:
        """Take attempts over from a claim; they are renewed until dropped."""
        for attempt in attempts:
            self._held[attempt.id] = attempt
        if self._thread is None and self._held:
            self._start()

    def drop(self, task_id: str, claim_id: int) -> None:
        """Let go of one: the store has answered for it."""
        attempt = self._held.get(task_id)
        if attempt is not None and attempt.task.fence.claim_id == claim_id:
            del self._held[task_id]

    def overdue(self, now: float) -> list[Attempt]:
        """Give what was not confirmed for 0.9 of a lease: it is lost, whoever has it."""
        limit = now - FENCE_AT * self._seconds
        return [attempt for attempt in list(self._held.values()) if attempt.valid_from < limit]

    async def close(self) -> None:
        """Stop renewing; what is still held runs out."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, 5.0)

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="omniq-leases", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if self._direct:
            self._renew_for_ever(drive)
        else:
            with asyncio.Runner() as runner:
                self._renew_for_ever(runner.run)

    def _renew_for_ever(self, call: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        pause = 0.0
        opened = False
        while not self._stop.wait(pause):
            pause = self._seconds / 3 * self._rng.uniform(0.85, 1.0)
            now = time.monotonic()
            holds = [a for a in list(self._held.values()) if now < a.renew_until and not a.lost]
            if not holds:
                continue
            try:
                if not opened:
                    call(self._store.open())
                    opened = True
                self._renew(call, holds)
            except StoreError as why:
                log.warning("leases not renewed: %s; trying again", why)
                pause = min(pause, self._seconds / 10)
            except Exception:
                log.exception("leases not renewed; trying again")
                pause = min(pause, self._seconds / 10)
        if opened:
            call(self._store.close())

    def _renew(self, call: Callable[[Coroutine[Any, Any, Any]], Any], attempts: list[Attempt]) -> None:
        sent_at = time.monotonic()
        holds = [Hold(attempt.task.fence, attempt.task.ref) for attempt in attempts]
        answers = call(self._store.extend(holds, lease=self._lease))
        troubles = {answer.task_id: answer.what for answer in answers if answer.what is not None}
        for attempt in attempts:
            what = troubles.get(attempt.id)
            if what is Trouble.LOST:
                self._tell(self._on_lost, attempt)
                continue
            attempt.valid_from = sent_at
            if what is Trouble.CANCEL:
                if attempt.context is not None:
                    attempt.context.cancelled = True  # at once: the loop may be blocked by this very body
                self._tell(self._on_cancel, attempt)

    def _tell(self, listener: Callable[[Attempt], None], attempt: Attempt) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(listener, attempt)
        except RuntimeError:  # the loop has closed: nobody is left to be told
            self._stop.set()
