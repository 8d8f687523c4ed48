"""How the sync face runs async code: in the caller's own thread where every store allows it, else on the loop
thread.

A store that is `DIRECT` never suspends under the mark, so its calls need no hop between threads: one code
path for both faces, several times faster than a portal, and safe after a fork.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from omniq.direct import drive
from omniq.storage.base import Feature
from omniq.sync.loop import loop_thread

if TYPE_CHECKING:
    from omniq.app import AsyncOmniQ

__all__ = ("Driver",)

T = TypeVar("T")

_warned = False


class Driver:
    """Runs coroutines of one app."""

    def __init__(self, aio: AsyncOmniQ[Any]) -> None:
        self._aio = aio

    @cached_property
    def direct(self) -> bool:
        """Whether every store of the app is direct."""
        queue, places = self._aio.queue, self._aio.places
        stores = [queue.store.capabilities]
        if places.results is not None:
            stores.append(places.results.results().capabilities)
        return all(Feature.DIRECT in one.features for one in stores)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a call that does not wait for others."""
        try:
            direct = self.direct
        except BaseException:  # no such backend: say that, and nothing of a coroutine that was never awaited
            coroutine.close()
            raise
        if direct:
            return drive(coroutine)
        return self.wait(coroutine)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a call that may wait."""
        _mind_the_loop()
        return loop_thread.call(coroutine)

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Give the items of an async iterator one by one."""
        while True:
            try:
                yield self.wait(_next(items))
            except StopAsyncIteration:
                return


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


def _mind_the_loop() -> None:
    """Warn once where a blocking call stands on a thread whose loop is running, outside a notebook."""
    global _warned
    if _warned or asyncio._get_running_loop() is None or "IPython" in sys.modules:
        return
    _warned = True
    warnings.warn(
        "a blocking OmniQ call is running on an event loop and stops it meanwhile; use AsyncOmniQ there",
        RuntimeWarning,
        stacklevel=4,
    )
