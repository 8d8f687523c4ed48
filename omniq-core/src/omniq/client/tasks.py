"""Tasks as the code has them: a function with a name and options, and the ways to send it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from omniq.arity import check_arguments
from omniq.client.options import DeclareOptions, TaskOptions, judged, merged
from omniq.errors import InvalidOption, UnnamedTask
from omniq.functions import task_name
from omniq.models.call import Call
from omniq.shipped import shipped, ships

if TYPE_CHECKING:
    from typing import Unpack

    from omniq.app import AsyncOmniQ
    from omniq.client.handles import AsyncHandle
    from omniq.sync._generated import SyncTask

__all__ = ("AsyncDecorator", "AsyncSender", "AsyncTask", "Coro", "Task", "TaskDecorator", "call_of", "calls_of", "task")

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
C_co = TypeVar("C_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
Coro = Coroutine[Any, Any, R]


class Task(Generic[P, C_co, R_co]):
    """A function that can be sent away. Calling it runs it here, as if it were not decorated."""

    def __init__(self, function: Callable[P, Any], name: str, declared: Mapping[str, Any], app: Any = None) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name
        self.declared = declared
        self.app = app

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C_co:
        value: C_co = self.function(*args, **kwargs)
        return value

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> Call[R_co]:
        """Make a call: a template without id, for `enqueue_many` and friends.

        Raises:
            BadArguments: one is missing, unknown or given twice.
        """
        check_arguments(self.name, self.function, args, kwargs)
        return Call(name=self.name, function=self, args=args, kwargs=kwargs, options=self.declared)

    def options(self, **options: Unpack[TaskOptions]) -> Self:
        """Give a task with these options on top of its own.

        Raises:
            InvalidOption: a name is unknown, or a value makes no sense.
        """
        given = judged(options, lambda: _store_of(self.app))
        return type(self)(self.function, self.name, merged(self.declared, given), self.app)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class AsyncTask(Task[P, C_co, R_co]):
    """A task of an `AsyncOmniQ`."""

    app: AsyncOmniQ[Any]

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> AsyncHandle[R_co]:
        """Send one call away; returns when the store has it."""
        handles = await self.app.enqueue_many([self.bind(*args, **kwargs)])
        return handles[0]

    @property
    def sync(self) -> SyncTask[P, C_co, R_co]:
        """The same task on the sync face."""
        twin: SyncTask[P, C_co, R_co] = self.app.sync._task(self)
        return twin


class TaskDecorator(Protocol):
    """Turns a function into a plain task, whose sender is chosen at the enqueue."""

    @overload
    def __call__(self, fn: Callable[P, Coro[R]], /) -> Task[P, Coro[R], R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Task[P, R, R]: ...


class AsyncDecorator(Protocol):
    """Turns a function into a task of an `AsyncOmniQ`."""

    @overload
    def __call__(self, fn: Callable[P, Coro[R]], /) -> AsyncTask[P, Coro[R], R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> AsyncTask[P, R, R]: ...


@overload
def task(fn: Callable[P, Coro[R]], /) -> Task[P, Coro[R], R]: ...
@overload
def task(fn: Callable[P, R], /) -> Task[P, R, R]: ...
@overload
def task(**options: Unpack[DeclareOptions]) -> TaskDecorator: ...
def task(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a task without an app; `oq.enqueue(task, ...)` sends it."""
    given = judged(options, lambda: _store_of(None), declaring=True)
    named = given.pop("name", None)

    def decorate(function: Callable[..., Any]) -> Task[..., Any, Any]:
        return Task(function, named or task_name(function), given)

    return decorate if fn is None else decorate(fn)


def _store_of(app: Any) -> str:
    """Name the store of an app of either face for an error; a task without an app has yet to meet one."""
    return "chosen" if app is None else str(getattr(app, "aio", app).queue.stores.tasks.name)


def call_of(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> Call[Any]:
    """Make a call of a task, of any importable function, or of one that has to travel itself.

    Raises:
        UnnamedTask: no worker could find the function, and it is none that dill carries.
        BadArguments: an argument is missing, unknown or given twice.
    """
    if isinstance(function, Task):
        check_arguments(function.name, function.function, args, kwargs)
        return Call(
            name=function.name,
            function=function,
            args=args,
            kwargs=kwargs,
            options=merged(function.declared, options),
        )
    try:
        name = task_name(function)
    except UnnamedTask:
        if not ships(function):
            raise
        name, kwargs = shipped(function, kwargs)
    else:
        check_arguments(name, function, args, kwargs)
    return Call(name=name, function=function, args=args, kwargs=kwargs, options=options)


def calls_of(calls: Iterable[Call[R]]) -> list[Call[R]]:
    """List calls.

    Raises:
        InvalidOption: this is one call alone, or something else is among them.
    """
    if type(calls) is list:  # of one call mostly, so every look counts
        listed = calls
    elif isinstance(calls, Call | Task) or not isinstance(calls, Iterable):
        raise InvalidOption("calls", f"a {type(calls).__name__} is no list of calls; write [task.bind(...)]")
    else:
        listed = list(calls)
    for call in listed:
        if type(call) is not Call:
            raise InvalidOption("calls", f"a {type(call).__name__} is no call; task.bind(...) makes one")
    return listed


class AsyncSender:
    """Sends any task or importable function, with options of its own."""

    def __init__(self, app: AsyncOmniQ[Any], options: Mapping[str, Any]) -> None:
        self._app = app
        self._options = options

    @overload
    async def enqueue(self, fn: Callable[P, Coro[R]], /, *args: P.args, **kwargs: P.kwargs) -> AsyncHandle[R]: ...
    @overload
    async def enqueue(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> AsyncHandle[R]: ...
    async def enqueue(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncHandle[Any]:
        """Send one call away; returns when the store has it."""
        return (await self._app.enqueue_many([call_of(fn, args, kwargs, self._options)]))[0]

    @overload
    async def map(self, fn: Callable[[A], Coro[R]], items: Iterable[A], /) -> list[AsyncHandle[R]]: ...
    @overload
    async def map(self, fn: Callable[[A], R], items: Iterable[A], /) -> list[AsyncHandle[R]]: ...
    async def map(self, fn: Callable[[Any], Any], items: Iterable[Any], /) -> list[AsyncHandle[Any]]:
        """Send one call an item, all at once; handles come in the order of the items."""
        return await self._app.enqueue_many([call_of(fn, (item,), {}, self._options) for item in items])

    def options(self, **options: Unpack[TaskOptions]) -> AsyncSender:
        """Give a sender with these options on top."""
        given = judged(options, lambda: _store_of(self._app))
        return AsyncSender(self._app, merged(self._options, given))
