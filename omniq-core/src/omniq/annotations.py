"""Checks decoded arguments against the annotations of a function.

The rules are those of `msgspec.convert` in strict mode: no text becomes a number, no bool an int; but what can
only have lost its type on the way (a list for a tuple, ISO text for a datetime, a dict for a dataclass) is
turned into what the annotation asks for.

Invariant: a value that fits already is passed on as the same object. An annotation that cannot be checked
(unannotated, Any, a TypeVar, a Callable, a name that does not resolve) lets everything through.
"""

from __future__ import annotations

import collections.abc
import contextlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Literal, NewType, Union

import msgspec

__all__ = ("Check", "Misfit", "checker", "hints_of")

Check = Callable[[Any], Any]
"""Gives the value to pass on, or raises Misfit."""
_Fits = Callable[[Any], bool]

_NUMBERS: dict[Any, tuple[type, ...]] = {
    int: (int,), float: (float, int), complex: (complex, float, int),
}  # fmt: skip
"""Which types stand for which (PEP 484's numeric tower); a bool stands for none of them."""


class Misfit(Exception):
    """A value does not fit; the text names types and places, never values."""


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Resolve a function's annotations, text ones too; those that do not resolve are left out."""
    inner = inspect.unwrap(function)
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except Exception:  # one name that exists for type checkers only fails them all
        found: dict[str, Any] = {}
        for name, hint in getattr(inner, "__annotations__", {}).items():
            alone = types.SimpleNamespace(__annotations__={name: hint})
            with contextlib.suppress(Exception):
                found |= typing.get_type_hints(alone, globalns=getattr(inner, "__globals__", {}), include_extras=True)
        return found


def checker(hint: Any) -> Check | None:
    """Make the check for one annotation; None where there is nothing to check."""
    fits = _compile(hint)
    if fits is None:
        return None

    def check(value: Any) -> Any:
        return value if fits(value) else _converted(value, hint)

    return check


def _converted(value: Any, hint: Any) -> Any:
    try:
        return msgspec.convert(value, hint, strict=True, dec_hook=_convert_other)
    except msgspec.ValidationError as why:
        place = str(why).partition(" - at ")[2].strip("`")
        inside = f", at {place}" if place not in ("", "$") else ""
        raise Misfit(f"must be {_text(hint)}, not {type(value).__name__}{inside}") from None
    except Exception:  # an annotation beyond msgspec, or a type's own check of its fields
        raise Misfit(f"must be {_text(hint)}, not {type(value).__name__}") from None


def _convert_other(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and isinstance(value, kind):
        return value
    if isinstance(kind, type) and issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    raise ValueError("no such conversion")


def _text(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def _compile(hint: Any) -> _Fits | None:
    """Make the test whether a value fits as it is; None: everything does."""
    if hint is None:
        hint = type(None)
    if hint is Any or hint is object:
        return None
    if isinstance(hint, NewType):
        return _compile(hint.__supertype__)
    if type(hint).__name__ == "TypeAliasType":  # 3.12: type X = ...
        return _compile(hint.__value__)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _compile_generic(hint, origin, typing.get_args(hint))
    if hint in _NUMBERS:
        kinds = _NUMBERS[hint]
        return lambda value: type(value) is hint or (isinstance(value, kinds) and type(value) is not bool)
    if typing.is_typeddict(hint):
        return _compile_typed_dict(hint)
    if isinstance(hint, type) and not getattr(hint, "_is_protocol", False):
        return lambda value: isinstance(value, hint)
    return None


def _compile_generic(hint: Any, origin: Any, args: tuple[Any, ...]) -> _Fits | None:
    if origin is typing.Annotated:
        constrained = any(isinstance(extra, msgspec.Meta) for extra in hint.__metadata__)
        return (lambda value: False) if constrained else _compile(args[0])
    if origin is Union or origin is types.UnionType:
        members = [_compile(arg) for arg in args]
        if any(member is None for member in members):
            return None
        return lambda value: any(member(value) for member in members if member is not None)
    if origin is Literal:
        return lambda value: any(type(value) is type(arg) and value == arg for arg in args)
    if not isinstance(origin, type) or origin is collections.abc.Callable:
        return None
    if origin is type:
        return lambda value: isinstance(value, type)
    if origin is tuple:
        return _compile_tuple(args)
    if issubclass(origin, Mapping) and len(args) == 2:
        keys, values = (_compile(arg) for arg in args)
        return lambda value: (
            isinstance(value, origin)
            and (keys is None or all(map(keys, value)))
            and (values is None or all(map(values, value.values())))
        )
    # An iterator cannot be looked through without using it up.
    if issubclass(origin, collections.abc.Collection) and len(args) == 1:
        items = _compile(args[0])
        return lambda value: isinstance(value, origin) and (items is None or all(map(items, value)))
    return lambda value: isinstance(value, origin)


def _compile_typed_dict(hint: Any) -> _Fits | None:
    try:
        fields = {name: _compile(one) for name, one in typing.get_type_hints(hint).items()}
        marked = typing.get_type_hints(hint, include_extras=True)
    except Exception:  # a hint that only a type checker can resolve
        fields, marked = dict.fromkeys(hint.__annotations__), {}
    # Where annotations are text, __required_keys__ was made without having seen NotRequired.
    optional = {name for name, one in marked.items() if typing.get_origin(one) is typing.NotRequired}
    required = hint.__required_keys__ - optional

    def fits(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys() <= fields.keys():
            return False
        members = ((fields[name], item) for name, item in value.items())
        return all(member is None or member(item) for member, item in members)

    return fits


def _compile_tuple(args: tuple[Any, ...]) -> _Fits:
    if len(args) == 2 and args[1] is ...:
        items = _compile(args[0])
        return lambda value: isinstance(value, tuple) and (items is None or all(map(items, value)))
    members = [_compile(arg) for arg in args]
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(members)
        and all(member is None or member(item) for member, item in zip(members, value, strict=True))
    )
