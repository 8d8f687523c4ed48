"""Names lead to functions, and to nothing else; arguments fit the annotations or are refused."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from os import system  # noqa: F401 - what a hostile name would ask for
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, NotRequired, Protocol, TypedDict, TypeVar, Union
from uuid import UUID

import msgspec
import pytest

from omniq.errors import BadArguments, DuplicateTask, InvalidName, InvalidOption, UnnamedTask
from omniq.functions import Function, FunctionRegistry, task_name

if TYPE_CHECKING:
    from nowhere import Missing

HERE = __name__
T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


class Order(msgspec.Struct):
    number: int


class Row(TypedDict):
    name: str
    colour: NotRequired[Colour]


class Closes(Protocol):
    def close(self) -> None: ...


def add(a: int, b: int = 2) -> int:
    return a + b


async def fetch(url: str) -> str:
    return url


class Mail:
    @staticmethod
    def send(to: str) -> None: ...

    def reply(self) -> None: ...


class TaskLike:
    """What a decorator leaves behind in the module: it stands for its function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)


def _decorated(a: int) -> None: ...


_decorated.__name__ = _decorated.__qualname__ = "decorated"
decorated = TaskLike(_decorated)


def test_a_task_is_named_by_module_and_qualname():
    assert task_name(add) == f"{HERE}:add"
    assert task_name(Mail.send) == f"{HERE}:Mail.send"


def test_what_no_process_could_find_has_no_name():
    def nested() -> None: ...

    for function in (nested, lambda: None, Mail().reply, functools.partial(add, 1)):
        with pytest.raises(UnnamedTask, match="has no importable name"):
            task_name(function)


@pytest.mark.parametrize(
    ("spec", "file", "expected"),
    [
        (None, "/srv/shop/app.py", "app:job"),
        ("shop.app", "/srv/shop/app.py", "shop.app:job"),
        ("shop.__main__", "/srv/shop/__main__.py", "shop:job"),
        (None, None, "__main__:job"),
        (None, "<stdin>", "__main__:job"),
    ],
    ids=["python app.py", "python -m shop.app", "python -m shop", "a notebook", "python < app.py"],
)
@pytest.mark.parametrize("module", ["__main__", "__mp_main__"])
def test_a_function_of_the_script_goes_by_its_importable_name(monkeypatch, spec, file, expected, module):
    script(monkeypatch, spec, file)

    assert task_name(function_in(module)) == expected


def script(monkeypatch, spec, file):
    main = types.ModuleType("__main__")
    main.__spec__ = spec and types.SimpleNamespace(name=spec)
    if file:
        main.__file__ = file
    monkeypatch.setitem(sys.modules, "__main__", main)
    return main


def function_in(module, line=1):
    namespace: dict[str, Any] = {"__name__": module}
    exec(compile("\n" * (line - 1) + "def job(): ...", f"{module}.py", "exec"), namespace)
    return namespace["job"]


def test_a_second_function_under_one_name_is_refused_with_both_places():
    registry = FunctionRegistry()
    registry.add("send", function_in("shop.mail", 12))

    with pytest.raises(DuplicateTask) as caught:
        registry.add("send", function_in("shop.old", 40))

    assert (caught.value.first, caught.value.second) == ("shop.mail.py:12", "shop.old.py:40")


def test_the_same_function_may_be_added_again():
    registry = FunctionRegistry()

    assert registry.add("add", add) is registry.add("add", add)


def test_a_cell_that_is_run_again_takes_the_place_of_the_old():
    registry = FunctionRegistry()
    registry.add("job", function_in("__main__", 1))
    newer = function_in("__main__", 2)
    registry.add("job", newer)

    found = registry.find("job")

    assert found is not None
    assert found.function is newer


def test_replace_takes_the_place_of_another_function():
    registry = FunctionRegistry()
    registry.add("job", add)
    registry.add("job", fetch, replace=True)

    found = registry.find("job")

    assert found is not None
    assert (found.function, found.asynchronous) == (fetch, True)
    assert registry.names() == ["job"]


def test_a_name_outside_the_grammar_is_refused():
    with pytest.raises(InvalidName):
        FunctionRegistry().add("no spaces", add)


def test_a_name_without_a_registered_function_finds_nothing():
    assert FunctionRegistry().find("add") is None
    assert FunctionRegistry().find(f"{HERE}:add") is None


def test_a_module_with_a_registered_task_is_vouched_for():
    registry = FunctionRegistry()
    registry.add("other", fetch)

    found = registry.find(f"{HERE}:add")

    assert found is not None
    assert found.function is add
    assert registry.find(f"{HERE}:Mail.send").function is Mail.send  # type: ignore[union-attr]
    assert registry.find(f"{HERE}:decorated").function is _decorated  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name",
    [
        "system",
        "Path",
        "Mail",
        "Mail.reply.__globals__",
        "sys.exit",
        "types.FunctionType",
        "T",
        "absent",
        "",
        "add.__call__",
    ],
)
def test_what_a_vouched_module_merely_mentions_is_not_found(name):
    registry = FunctionRegistry()
    registry.allow(HERE)

    assert registry.find(f"{HERE}:{name}") is None


@pytest.mark.parametrize("prefix", ["", "shop.", ".shop", "shop/mail", "shop:mail", 3])
def test_what_is_no_module_cannot_be_allowed(prefix):
    with pytest.raises(InvalidOption, match="is no name of a module"):
        FunctionRegistry().allow(prefix)


def test_a_function_that_was_imported_under_another_name_is_not_found():
    registry = FunctionRegistry()
    registry.allow("posixpath")

    assert registry.find("posixpath:genericpath.exists") is None
    assert registry.find("posixpath:exists") is None
    assert registry.find("posixpath:join") is not None


def test_an_allowed_prefix_covers_what_is_below_and_no_neighbour(tmp_path, monkeypatch):
    (tmp_path / "shop1").mkdir()
    (tmp_path / "shop1" / "__init__.py").write_text("")
    (tmp_path / "shop1" / "mail.py").write_text("def send(): ...\n")
    (tmp_path / "shop1" / "broken.py").write_text("1 / 0\n")
    (tmp_path / "shop12.py").write_text("def send(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = FunctionRegistry()
    registry.allow("shop1")

    assert registry.find("shop1.mail:send") is not None
    assert registry.find("shop1.broken:send") is None
    assert registry.find("shop1.absent:send") is None
    assert registry.find("shop12:send") is None
    assert "shop12" not in sys.modules


def test_a_function_of_the_running_script_is_found_without_a_second_import(monkeypatch):
    main = script(monkeypatch, None, "/srv/shop/app77.py")
    main.job = function_in("__main__")  # type: ignore[attr-defined]

    found = FunctionRegistry().find("app77:job")

    assert found is not None
    assert found.function is main.job  # type: ignore[attr-defined]
    assert "app77" not in sys.modules


def bound(function, *args, **kwargs):
    return Function("shop:job", function).bind(list(args), kwargs)


def takes(hint):
    def job(value): ...

    job.__annotations__ = {"value": hint}
    return job


POINT, ORDER, NUMBERS = Point(1), Order(1), [1, 2]


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 1),
        (float, 1.5),
        (float, 1),
        (complex, 1.5),
        (bool, True),
        (None, None),
        (str, "a"),
        (Any, object()),
        (object, object()),
        (T, object()),
        (UserId, 1),
        (Point, POINT),
        (Order, ORDER),
        (Colour, Colour.RED),
        (Union[Colour, int], Colour.RED),  # noqa: UP007 - the older spelling has a type of its own
        (Colour | None, None),
        (list, NUMBERS),
        (list[int], NUMBERS),
        (list[Colour], [Colour.RED]),
        (list[Point | None], [POINT, None]),
        (list[Path], [Path("a")]),
        (dict[str, Colour], {"a": Colour.RED}),
        (dict[int, list[float]], {1: [1.5, 2]}),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (tuple[()], ()),
        (set[int], {1}),
        (frozenset[str], frozenset({"a"})),
        (Sequence[int], (1, 2)),
        (Mapping[str, int], {"a": 1}),
        (Iterable[int], NUMBERS),
        (Literal["a", 1], "a"),
        (Annotated[int, "why not"], 1),
        (Annotated[int, msgspec.Meta(ge=1)], 1),
        (Callable[[int], int], add),
        (Closes, object()),
        (type[Point], Point),
        (Row, {"name": "a", "colour": Colour.RED}),
        (Row, {"name": "a"}),
        ("list[Colour]", [Colour.RED]),
        ("Missing", object()),
    ],
    ids=str,
)
def test_what_fits_passes(hint, value):
    args, kwargs = bound(takes(hint), value)

    assert args == (value,)
    assert kwargs == {}
    if value.__class__ in (list, dict, Point, Order):
        assert args[0] is value


@pytest.mark.parametrize(
    ("hint", "value", "why"),
    [
        (int, "1", "must be int, not str"),
        (int, True, "must be int, not bool"),
        (int, 1.0, "must be int, not float"),
        (float, True, "must be float, not bool"),
        (str, b"a", "must be str, not bytes"),
        (int, None, "must be int, not NoneType"),
        (list[int], [1, "secret"], "must be list[int], not list, at $[1]"),
        (dict[str, int], {"a": "secret"}, "must be dict[str, int], not dict, at $[...]"),
        (tuple[int, str], (1, "a", 2), "must be tuple[int, str], not tuple"),
        (Point, Order(1), "must be Point, not Order"),
        (Point, {"x": "secret"}, "must be Point, not dict, at $.x"),
        (Colour, "blue", "must be Colour, not str"),
        (Literal["a"], "b", "must be typing.Literal['a'], not str"),
        (Literal[1], True, "must be typing.Literal[1], not bool"),
        (Annotated[int, msgspec.Meta(ge=1)], 0, "must be typing.Annotated[int, msgspec.Meta(ge=1)], not int"),
        (Row, {"name": 1}, "must be Row, not dict, at $.name"),
        (Row, {"colour": Colour.RED}, "must be Row, not dict"),
        (Path, 1, "must be Path, not int"),
        (type[Point], 1, "must be type[Point], not int"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_without_its_value(hint, value, why):
    with pytest.raises(BadArguments) as caught:
        bound(takes(hint), value)

    text = str(caught.value).replace(f"{HERE}.", "")
    assert text == f"arguments of shop:job do not fit its signature: 'value' {why}"


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (tuple[int, int], [1, 2], (1, 2)),
        (set[int], [1, 2], {1, 2}),
        (datetime, "2025-01-01T00:00:00", datetime(2025, 1, 1)),
        (Decimal, "1.5", Decimal("1.5")),
        (UUID, "6f6d6e69-7100-5000-8000-000000000000", UUID("6f6d6e69-7100-5000-8000-000000000000")),
        (Colour, "red", Colour.RED),
        (Point, {"x": 1}, Point(1)),
        (list[Order], [{"number": 1}], [Order(1)]),
        (Path, "a/b", Path("a/b")),
    ],
    ids=str,
)
def test_what_lost_its_type_on_the_way_gets_it_back(hint, value, expected):
    (got,), _ = bound(takes(hint), value)

    assert got == expected
    assert type(got) is type(expected)


def test_arguments_are_bound_as_python_would():
    def job(a: int, /, b: int, *rest: int, c: int = 3, **more: str) -> None: ...

    assert bound(job, 1, 2) == ((1, 2), {})
    assert bound(job, 1, b=2, c=4, d="x") == ((1, 2), {"c": 4, "d": "x"})
    assert bound(job, 1, 2, 3, 4) == ((1, 2, 3, 4), {})


def test_a_default_is_left_to_the_function():
    assert bound(add, 1) == ((1,), {})


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"c": 1}, "got an unexpected keyword argument 'c'"),
        ((1,), {"a": 1}, "multiple values for argument 'a'"),
    ],
)
def test_a_call_that_python_would_refuse_is_refused(args, kwargs, why):
    with pytest.raises(BadArguments, match=why):
        bound(add, *args, **kwargs)


def test_a_required_keyword_is_missed():
    def job(*, a: int) -> None: ...

    with pytest.raises(BadArguments, match="missing a required"):
        bound(job)


def test_each_variadic_argument_is_checked():
    def job(*rest: int, **more: str) -> None: ...

    with pytest.raises(BadArguments, match=r"'\*rest' must be int, not str"):
        bound(job, 1, "2")
    with pytest.raises(BadArguments, match="'x' must be str, not int"):
        bound(job, x=1)


def test_one_name_for_type_checkers_only_leaves_the_others_checked():
    def job(a: Missing, b: int) -> None: ...

    assert bound(job, "anything", 1) == (("anything", 1), {})
    with pytest.raises(BadArguments, match="'b' must be int, not str"):
        bound(job, "anything", "1")


def test_async_functions_are_told_apart_once():
    assert Function("a", fetch).asynchronous
    assert Function("a", functools.partial(fetch, "u")).asynchronous
    assert not Function("a", add).asynchronous
