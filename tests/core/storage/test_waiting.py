"""The polling helper: how often it asks, and what it answers."""

from omniq.models.values import SECOND
from omniq.storage.waiting import poll


async def asked(answers, **options):
    """Poll over these answers; give the last one and how many were asked for."""
    left = iter(answers)
    count = 0

    async def ask():
        nonlocal count
        count += 1
        return next(left)

    return await poll(ask, **options), count


async def test_an_answer_that_is_enough_is_the_only_question():
    assert await asked([7], enough=bool, timeout=SECOND) == (7, 1)


async def test_no_time_is_one_question_whatever_it_gives():
    assert await asked([0], enough=bool, timeout=0) == (0, 1)


async def test_it_asks_until_it_is_enough():
    assert await asked([0, 0, 0, 7], enough=bool, timeout=60 * SECOND, next_due=lambda _: 1) == (7, 4)


async def test_the_last_answer_is_given_when_the_time_is_up():
    last, count = await asked(range(-50, 0), enough=lambda _: False, timeout=2_000, next_due=lambda _: 1_000)

    assert last == count - 51
    assert count >= 2
