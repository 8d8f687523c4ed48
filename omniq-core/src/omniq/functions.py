"""Task names and the functions behind them.

A name that arrives in data is looked up among the registered tasks. One that is not there is imported only if
its module is one that the app vouches for: it holds a registered task, was allowed by prefix, or is the script
that runs. A function that was only sent vouches for its own name, not for its module: `oq.enqueue(shutil.disk_usage)`
must not let data name `shutil:rmtree`.

Invariant: data never makes anything else run. What an import finds must be a function that calls itself by
exactly the name that was asked for, so `shop.tasks:os.system` finds nothing.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import types
from collections.abc import Callable, Iterable
from typing import Any

from omniq.annotations import Check, Misfit, checker, hints_of
from omniq.errors import BadArguments, DuplicateTask, InvalidName, InvalidOption, UnnamedTask
from omniq.models.values import check_task_name
from omniq.names import MAINS, find_object, loaded_module, module_name, object_name
from omniq.shipped import SHIPPED, asynchronous

__all__ = ("Function", "FunctionRegistry", "task_name")

_log = logging.getLogger("omniq.functions")


def task_name(function: Callable[..., Any]) -> str:
    """Give the name under which every process finds this function, `module:qualname`.

    Raises:
        UnnamedTask: nested, a lambda, bound, or an object that is called.
        InvalidName: the name has characters that some engine could not store.
    """
    if not _called(function):
        raise UnnamedTask(f"a {type(function).__name__}", "pass the function itself")
    bound = getattr(function, "__self__", None)
    name = object_name(function)
    if name is None or not (bound is None or isinstance(bound, types.ModuleType)):
        raise UnnamedTask(getattr(function, "__qualname__", None) or repr(type(function).__qualname__))
    return check_task_name(name)


def _called(function: object) -> bool:
    return callable(function)


class Function:
    """A function under its task name; what checks its arguments is built at the first call."""

    __slots__ = ("_binder", "asynchronous", "function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.asynchronous = asynchronous(function)
        self._binder: _Binder | None = None

    def bind(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Check decoded arguments against signature and annotations, and give what to call with.

        Raises:
            BadArguments: one is missing, unknown or of another type; the text has no values.
        """
        binder = self._binder
        if binder is None:
            binder = self._binder = _Binder(self.name, self.function)
        return binder.bind(args, kwargs)

    @property
    def place(self) -> str:
        """Where the function is written: "shop/mail.py:12"."""
        return _place(self.function)


class _Binder:
    """One signature, taken apart once."""

    __slots__ = ("_checks", "_kinds", "_most", "_name", "_named", "_needed", "_signature")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name = name
        self._signature = inspect.signature(function)
        hints = hints_of(function)
        parameters = list(self._signature.parameters.values())
        self._named = {one.name: checker(hints[one.name]) if one.name in hints else None for one in parameters}
        self._kinds = {one.name: one.kind for one in parameters}
        plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        required = [one for one in parameters if one.default is one.empty and not _variadic(one)]
        self._checks: list[Check | None] = [self._named[one.name] for one in plain]
        self._most = len(plain)
        # A required keyword-only argument: no call without keywords can be right.
        self._needed = len(required) if all(one in plain for one in required) else self._most + 1

    def bind(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if kwargs or not self._needed <= len(args) <= self._most:
            return self._bind_any(args, kwargs)
        try:
            for index, value in enumerate(args):
                check = self._checks[index]
                if check is not None:
                    args[index] = check(value)
        except Misfit:
            return self._bind_any(args, kwargs)
        return tuple(args), kwargs

    def _bind_any(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as why:
            raise BadArguments(self._name, str(why)) from None
        for name, value in bound.arguments.items():
            check = self._named[name]
            if check is None:
                continue
            if self._kinds[name] is inspect.Parameter.VAR_POSITIONAL:
                bound.arguments[name] = tuple(self._checked(check, f"*{name}", item) for item in value)
            elif self._kinds[name] is inspect.Parameter.VAR_KEYWORD:
                bound.arguments[name] = {key: self._checked(check, key, item) for key, item in value.items()}
            else:
                bound.arguments[name] = self._checked(check, name, value)
        return bound.args, bound.kwargs

    def _checked(self, check: Check, name: str, value: Any) -> Any:
        try:
            return check(value)
        except Misfit as why:
            raise BadArguments(self._name, f"{name!r} {why}") from None


class FunctionRegistry:
    """The tasks of one app by name, and the modules that it vouches for."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._prefixes: set[str] = set()
        self.queues: set[str] = set()
        """The queues that declarations name: what a worker without a list serves, beside the default."""

    @classmethod
    def of(cls, tasks: Iterable[Callable[..., Any] | str]) -> FunctionRegistry:
        """Make one of declared tasks, plain functions, and names of modules to vouch for.

        Raises:
            UnnamedTask: a function that no name leads to.
        """
        made = cls()
        for one in tasks:
            if isinstance(one, str):
                made.allow(one)
                continue
            declared = getattr(one, "declared", None)  # a task has its name, its function and its options
            made.add(task_name(one) if declared is None else one.name, getattr(one, "function", one))  # type: ignore[attr-defined]
            if declared and "queue" in declared:
                made.queues.add(declared["queue"])
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._functions or name in _SHIPPED

    def add(self, name: str, function: Callable[..., Any], *, replace: bool = False, vouch: bool = True) -> Function:
        """Register a function, and vouch for its module unless told not to.

        The same function again changes nothing. In `__main__`, where a cell is run again, the new one wins.

        Raises:
            DuplicateTask: another function has this name, and `replace` is not set.
            InvalidName: the name has characters that some engine could not store.
        """
        if check_task_name(name) in _SHIPPED:
            raise InvalidName("task", name, "another one: OmniQ sends functions without a name under this")
        known = self._functions.get(name)
        if known is not None:
            if known.function is function:
                return known
            first, second = known.place, _place(function)
            again = first == second or _module(function) in MAINS
            if not (replace or again):
                raise DuplicateTask(name, first, second)
        known = self._functions[name] = Function(name, function)
        if vouch:
            self._prefixes.add(module_name(_module(function)))
        return known

    def allow(self, prefix: str) -> None:
        """Vouch for a module and all below it: `shop` covers `shop` and `shop.mail`, not `shopping`.

        Raises:
            InvalidOption: this is no name of a module.
        """
        if not all(part.isidentifier() for part in str(prefix).split(".")):
            raise InvalidOption(
                "allow", f"{prefix!r} is no name of a module; write it as Python imports it: 'shop.tasks'"
            )
        self._prefixes.add(prefix)

    def find(self, name: str) -> Function | None:
        """Give the function with this name, importing its module if the app vouches for it."""
        known = self._functions.get(name) or _SHIPPED.get(name)
        if known is not None:
            return known
        module = name.partition(":")[0]
        if ":" not in name or not self._allowed(module) or not _import(module):
            return None
        known = self._functions.get(name)  # the import may have registered it
        if known is None:
            function = _callable(find_object(name), name)
            if function is None:
                return None
            known = self._functions[name] = Function(name, function)
        return known

    def names(self) -> list[str]:
        """Give the names of all registered tasks, sorted."""
        return sorted(self._functions)

    def _allowed(self, module: str) -> bool:
        return module == module_name("__main__") or any(
            module == prefix or module.startswith(prefix + ".") for prefix in self._prefixes
        )


_SHIPPED = {name: Function(name, function) for name, function in SHIPPED.items()}


def _import(module: str) -> bool:
    if loaded_module(module) is not None:
        return True
    try:
        importlib.import_module(module)
    except Exception as why:  # a user's module may raise anything while it loads
        _log.warning("module %s cannot be imported: %s: %s", module, type(why).__name__, why)
        return False
    return True


def _callable(found: Any, name: str) -> Callable[..., Any] | None:
    """Give the function inside a decorated task or static method, if it goes by this very name."""
    if isinstance(found, staticmethod) or not isinstance(found, types.FunctionType):
        found = getattr(found, "__wrapped__", found)
    if isinstance(found, types.FunctionType) and object_name(found) == name:
        return found
    return None


def _variadic(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _module(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__module__", None) or "__main__")


def _place(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else _module(function)
