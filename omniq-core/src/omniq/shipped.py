"""Functions without a name: lambdas, closures, bound methods and partials travel themselves, by dill.

Such a call goes under one of two reserved names, with the function as one more argument. So whoever reads it
decides: a worker that does not accept dill cannot decode the arguments, and never sees the function.

Invariant: only what no other codec can make is called. A task of a reserved name whose function came any other
way than by dill was written by somebody else.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ("FUNCTION", "SHIPPED", "asynchronous", "shipped", "ships")

FUNCTION = "omniq_function"
"""The keyword under which the function goes, so that the places of the user's arguments stay theirs."""

_KINDS = (types.FunctionType, types.MethodType, types.BuiltinMethodType, functools.partial)


def ships(function: object) -> bool:
    """Say whether this is something to call that dill may carry."""
    return isinstance(function, _KINDS)


def shipped(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give the reserved name and the keywords of a call that takes its function along."""
    return _ASYNC if asynchronous(function) else _PLAIN, {**kwargs, FUNCTION: function}


def asynchronous(function: Any) -> bool:
    """Say whether calling this gives a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def _call(*args: Any, omniq_function: Any, **kwargs: Any) -> Any:
    return _checked(omniq_function)(*args, **kwargs)


async def _call_async(*args: Any, omniq_function: Any, **kwargs: Any) -> Any:
    return await _checked(omniq_function)(*args, **kwargs)


def _checked(function: Any) -> Any:
    if not ships(function):
        raise TypeError(f"a {type(function).__name__} was sent in the place of a function")
    return function


_PLAIN, _ASYNC = "omniq:call", "omniq:call_async"
SHIPPED: Mapping[str, Callable[..., Any]] = {_PLAIN: _call, _ASYNC: _call_async}
"""The reserved names, and what runs under them in every worker."""
