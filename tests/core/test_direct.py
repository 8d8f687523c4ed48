"""The mark of a thread that may not suspend."""

import asyncio

import pytest

from omniq.direct import drive, is_direct
from omniq.errors import MustNotSuspend


async def test_the_mark_is_set_inside_and_cleared_after():
    async def look():
        return is_direct()

    assert drive(look()) is True
    assert not is_direct()


async def test_the_mark_is_cleared_when_the_coroutine_raises():
    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        drive(fail())

    assert not is_direct()


def test_a_coroutine_that_suspends_is_closed_and_refused():
    closed = []

    async def suspend():
        try:
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    with pytest.raises(MustNotSuspend):
        drive(suspend())

    assert closed == [True]
    assert not is_direct()
