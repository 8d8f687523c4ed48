"""A call that no function could take is refused where it is made, and nothing is written."""

import functools

import pytest

from omniq import AsyncOmniQ, OmniQ
from omniq.arity import check_arguments
from omniq.errors import BadArguments


def plain(a, b=2): ...


def places(a, /, b): ...


def named(a, *, key): ...


def free(*args, **kwargs): ...


def some(a, *more): ...


@functools.wraps(plain)
def wrapped(*args, **kwargs): ...


def odd(a): ...


odd.__signature__ = "none"

RIGHT = [
    (plain, (1,), {}),
    (plain, (1, 2), {}),
    (plain, (), {"a": 1}),
    (plain, (1,), {"b": 2}),
    (places, (1, 2), {}),
    (places, (1,), {"b": 2}),
    (named, (1,), {"key": 2}),
    (free, (), {}),
    (free, (1, 2, 3), {"x": 1}),
    (some, (1, 2, 3), {}),
    (wrapped, (1,), {}),
    (odd, (), {}),
    (print, (), {"nothing": 1}),
]
WRONG = [
    (plain, (), {}, "missing a required argument: 'a'"),
    (plain, (1, 2, 3), {}, "too many positional arguments"),
    (plain, (1,), {"c": 3}, "unexpected keyword argument 'c'"),
    (plain, (1,), {"a": 3}, "multiple values for argument 'a'"),
    (places, (), {"a": 1, "b": 2}, "'a'"),
    (named, (1,), {}, "missing a required (keyword-only )?argument: 'key'"),
    (some, (), {}, "missing a required argument: 'a'"),
    (wrapped, (), {}, "missing a required argument: 'a'"),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), RIGHT)
def test_what_fits_is_let_through(function, args, kwargs):
    check_arguments("shop:job", function, args, kwargs)


@pytest.mark.parametrize(("function", "args", "kwargs", "text"), WRONG)
def test_what_does_not_fit_is_refused_by_the_name_of_the_task(function, args, kwargs, text):
    with pytest.raises(BadArguments, match=f"arguments of shop:job do not fit its signature: .*{text}"):
        check_arguments("shop:job", function, args, kwargs)


async def test_nothing_is_written_of_a_call_that_does_not_fit():
    app = AsyncOmniQ("memory://")
    task = app.task(plain)
    ways = [
        lambda: task.enqueue(),
        lambda: task.options(queue="low").enqueue(1, 2, 3),
        lambda: app.enqueue(places, 1),
        lambda: app.enqueue(task, c=1),
        lambda: app.map(named, [1, 2]),
        lambda: app.enqueue_many([task.bind(1), task.bind()]),
    ]

    for way in ways:
        with pytest.raises(BadArguments):
            await way()
    assert (await app.tasks()).items == []


def test_the_sync_face_refuses_it_too():
    app = OmniQ("memory://")

    with pytest.raises(BadArguments, match="missing a required argument: 'a'"):
        app.task(plain).enqueue()
    assert app.tasks().items == []
