"""Do these arguments fit that function? Asked where a call is made, so that a slip is an error there.

The worker asks again, with types. Here a look at numbers and names has to do: it costs a fraction of a
microsecond, and only what it doubts is bound for real.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from omniq.errors import BadArguments

__all__ = ("check_arguments",)


def check_arguments(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that no call of this function could take; `name` is the task's.

    Raises:
        BadArguments: one is missing, unknown or given twice.
    """
    if type(function) is not types.FunctionType:
        return  # what is called otherwise may have any signature
    arity = _arity(function)
    if arity is None or (not kwargs and arity.least <= len(args) <= arity.most):
        return
    try:
        arity.signature.bind(*args, **kwargs)
    except TypeError as why:
        raise BadArguments(name, str(why)) from None


class _Arity:
    """One signature, counted once: `least` to `most` arguments by place are right where none is named."""

    __slots__ = ("least", "most", "signature")

    def __init__(self, signature: inspect.Signature) -> None:
        self.signature = signature
        parameters = signature.parameters.values()
        plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        named = any(one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in parameters)
        self.least = math.inf if named else sum(one.default is one.empty for one in plain)
        self.most = math.inf if any(one.kind is one.VAR_POSITIONAL for one in parameters) else len(plain)


@lru_cache(maxsize=1024)
def _arity(function: types.FunctionType) -> _Arity | None:
    try:
        return _Arity(inspect.signature(function))
    except (TypeError, ValueError):  # a __signature__ that is none
        return None
