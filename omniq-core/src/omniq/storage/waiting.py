"""The polling helper for stores that have no push: what blocks until there is an answer.

The pause starts small, doubles, and is cut by what the store says is due next, so a lone task is met within
milliseconds and an idle worker asks about twice a second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from omniq.models.values import MILLISECOND, SECOND, Micros

__all__ = ("poll",)

T = TypeVar("T")

FIRST_PAUSE: Micros = 5 * MILLISECOND
LONGEST_PAUSE: Micros = SECOND // 2


async def poll(
    ask: Callable[[], Awaitable[T]],
    *,
    enough: Callable[[T], bool],
    timeout: Micros,
    next_due: Callable[[T], Micros | None] = lambda _: None,
    longest: Micros = LONGEST_PAUSE,
) -> T:
    """Ask until the answer is enough or `timeout` µs have passed; give the last answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout / SECOND
    pause = FIRST_PAUSE
    while True:
        answer = await ask()
        left = round((end - loop.time()) * SECOND)
        if enough(answer) or left <= 0:
            return answer
        due = next_due(answer)
        step = min(pause, left) if due is None else max(1, min(pause, left, due))
        await asyncio.sleep(step / SECOND)
        pause = min(2 * pause, longest)
