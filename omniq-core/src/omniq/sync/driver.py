"""How the sync face runs async code: in the caller's own thread where every store allows it, else on the loop
thread.

A store that is `DIRECT` never suspends under the mark, so its calls need no hop between threads: one code
path for both faces, several times faster than a portal, and safe after a fork. What would have to wait raises
`NeedsLoop` under the mark before it has changed anything, and is asked again on the loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from omniq.caller import warn_caller
from omniq.client.once import once
from omniq.client.stores import Stores
from omniq.direct import NeedsLoop, drive
from omniq.sync.loop import loop_thread

__all__ = ("Driver",)

T = TypeVar("T")

_warned = False


class Driver:
    """Runs the calls of one app. `stores` is asked at the first call: constructing an app touches nothing."""

    def __init__(self, stores: Callable[[], Stores]) -> None:
        self._find = stores

    @once
    def stores(self) -> Stores:
        """What the calls touch."""
        return self._find()

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any, **kwargs: Any) -> T:
        """Run an async function to its end and give its value.

        Raises:
            WrongThread: on the loop thread, where it would wait for itself.
            AppClosed: the program is ending, and a loop would be needed.
        """
        if asyncio._get_running_loop() is not None:
            _warn_of_the_loop(function)
        if self.stores.direct:
            try:
                return drive(function(*args, **kwargs))
            except NeedsLoop:
                pass
        else:
            loop_thread.leave(self.stores)
        return loop_thread.call(function(*args, **kwargs))

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Give the items of an async iterator one by one."""
        while True:
            try:
                item = self.run(_next, items)
            except StopAsyncIteration:
                return
            yield item


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


def _warn_of_the_loop(function: Callable[..., Any]) -> None:
    """Warn once where a blocking call stands on a thread whose loop is running, outside a notebook."""
    global _warned
    if _warned or _in_a_notebook():
        return
    _warned = True
    twin = getattr(function, "__qualname__", "AsyncOmniQ")
    warn_caller(
        f"a blocking OmniQ call stops the event loop of this thread meanwhile; await {twin} instead", RuntimeWarning
    )


def _in_a_notebook() -> bool:
    find = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return find is not None and find() is not None
