"""A task that is not enqueued yet: a template without an id.

Invariant: a call carries no identity, so enqueueing it twice makes two tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

__all__ = ("Call",)

R_co = TypeVar("R_co", covariant=True)


class Call(msgspec.Struct, Generic[R_co], frozen=True, kw_only=True):
    """A function with its arguments and options; `R` is what it will give.

    `options` are those of the task, as they were written; they are judged at the enqueue.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
