"""A value that is made at first use, and is the same one for every thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ("once",)

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801  # read as a decorator
    """Like `functools.cached_property`, which since 3.12 may give two threads two values.

    Two threads may both make one; making one touches nothing, and the first that is put down is everybody's.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return instance.__dict__.setdefault(self._name, self._make(instance))
