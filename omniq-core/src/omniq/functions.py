"""Names and functions: how a task's name is made, and how a worker finds the body behind it.

Invariant: data never makes this process import a module outside the allowed prefixes.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from omniq.errors import BadArguments, DuplicateTask, UnnamedTask
from omniq.models.values import check_task_name

__all__ = ("Function", "FunctionRegistry", "module_name", "task_name")

_MAIN = ("__main__", "__mp_main__")


def module_name(name: str) -> str:
    """Give the name by which another process could import a module.

    For the program itself that is the name given to `python -m`, or the stem of its file; in a notebook or
    under `-c` it stays `__main__`.
    """
    if name not in _MAIN:
        return name
    module = sys.modules.get("__main__")
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name not in _MAIN:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(module, "__file__", None)
    return Path(file).stem if file and str(file).endswith(".py") else "__main__"


def task_name(function: Callable[..., Any]) -> str:
    """Give a function its name, `module:qualname`.

    Raises:
        UnnamedTask: nested, a lambda or a bound method: no other process could find it.
    """
    qualname = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    if qualname is None or module is None:
        raise UnnamedTask(f"{type(function).__name__} object")
    if "<" in qualname:
        raise UnnamedTask(f"lambda in {module}" if "<lambda>" in qualname else f"nested function {qualname}")
    if inspect.ismethod(function):
        raise UnnamedTask(f"bound method {qualname}")
    return check_task_name(f"{module_name(module)}:{qualname}")


class Function:
    """One task body, with what is known of it once: its kind and its annotated arguments."""

    __slots__ = ("_arguments", "asynchronous", "function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.asynchronous = inspect.iscoroutinefunction(function)
        self._arguments: _Arguments | None = None

    def bind(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Check decoded arguments against the signature and its annotations.

        Raises:
            BadArguments: they do not fit.
        """
        arguments = self._arguments
        if arguments is None:
            arguments = self._arguments = _Arguments(self.function)
        try:
            return arguments.convert(args, kwargs)
        except (TypeError, msgspec.ValidationError) as why:
            raise BadArguments(self.name, str(why)) from None

    @property
    def place(self) -> str:
        """Where the function is written: "file.py:12"."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(self.function)


class _Arguments:
    """The parameters of one function, ready to check a call against."""

    __slots__ = ("_fixed", "_kinds", "_signature", "_trivial")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._signature = inspect.signature(function)
        try:
            hints = get_type_hints(function)
        except Exception:  # a hint that only a type checker can resolve: leave that function unchecked
            hints = {}
        parameters = self._signature.parameters.values()
        self._kinds = {p.name: hints[p.name] for p in parameters if hints.get(p.name, Any) is not Any}
        self._fixed = tuple(
            hints.get(p.name, Any) for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        )
        self._trivial = all(isinstance(kind, type) for kind in self._fixed if kind is not Any)

    def convert(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if (
            not kwargs
            and self._trivial
            and len(args) == len(self._fixed)
            and all(kind is Any or type(value) is kind for kind, value in zip(self._fixed, args, strict=True))
        ):
            return tuple(args), kwargs
        bound = self._signature.bind(*args, **kwargs)
        for name, kind in self._kinds.items():
            if name not in bound.arguments:
                continue
            value, parameter = bound.arguments[name], self._signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                bound.arguments[name] = tuple(_fit(one, kind, name) for one in value)
            elif parameter.kind is parameter.VAR_KEYWORD:
                bound.arguments[name] = {key: _fit(one, kind, key) for key, one in value.items()}
            else:
                bound.arguments[name] = _fit(value, kind, name)
        return bound.args, bound.kwargs


def _fit(value: Any, kind: Any, name: str) -> Any:
    if isinstance(kind, type) and type(value) is kind:
        return value
    try:
        return msgspec.convert(value, kind, strict=True, from_attributes=False)
    except msgspec.ValidationError as why:
        try:
            if isinstance(value, kind):
                return value
        except TypeError:
            pass
        raise msgspec.ValidationError(f"argument {name!r}: {why}") from None
    except TypeError:  # a type that msgspec does not know: what can be asked is asked
        try:
            fits = isinstance(value, kind)
        except TypeError:
            return value
        if not fits:
            raise msgspec.ValidationError(
                f"argument {name!r}: expected {getattr(kind, '__name__', kind)}, got {type(value).__name__}"
            ) from None
        return value


class FunctionRegistry:
    """The functions that a worker may run, by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self.queues: set[str] = set()
        """The queues that declarations name: what a worker without a list serves, beside the default."""
        self._allowed: set[str] = set()

    def add(self, name: str, function: Callable[..., Any], *, replace: bool = False) -> Function:
        """Register a function; the same function again, or one of a reloaded `__main__`, takes its place.

        Raises:
            DuplicateTask: another function has this name.
        """
        new = Function(check_task_name(name), function)
        old = self._functions.get(name)
        in_main = getattr(function, "__module__", None) in _MAIN
        if old is not None and not replace and not in_main and old.place != new.place:
            raise DuplicateTask(name, old.place, new.place)
        self._functions[name] = new
        module = getattr(function, "__module__", None)
        if module and module not in _MAIN:
            self._allowed.add(module)
        return new

    def allow(self, prefix: str) -> None:
        """Let names below this module be imported when a task asks for them."""
        self._allowed.add(prefix.rstrip("."))

    def find(self, name: str) -> Function | None:
        """Give the function of this name; one not registered is imported if its module is allowed."""
        found = self._functions.get(name)
        return found if found is not None else self._import(name)

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def names(self) -> list[str]:
        """List the registered names."""
        return sorted(self._functions)

    def _import(self, name: str) -> Function | None:
        module_path, _, qualname = name.partition(":")
        if not qualname:
            return None
        if module_path == module_name("__main__"):
            target: Any = sys.modules["__main__"]
        elif any(module_path == one or module_path.startswith(f"{one}.") for one in self._allowed):
            try:
                target = importlib.import_module(module_path)
            except ImportError:
                return None
        else:
            return None
        for part in qualname.split("."):
            target = getattr(target, part, None)
        target = getattr(target, "function", target)  # a Task stands for its function
        if not callable(target):
            return None
        found = self._functions[name] = Function(name, target)
        return found
