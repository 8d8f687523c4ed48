"""`__all__` is honest: what it names is there, and what others take is named."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.glob("omniq-*/src"))
MODULES = {
    ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
    for source in SOURCES
    for path in sorted(source.rglob("*.py"))
}


def taken() -> list[tuple[str, str, str]]:
    """(who, from where, what) of every import of ours from ours that is not a module."""
    return [
        (name, node.module, alias.name)
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for alias in node.names
        if f"{node.module}.{alias.name}" not in MODULES
    ]


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_is_there_once(name):
    exported = getattr(import_module(name), "__all__", ())

    assert isinstance(exported, tuple)
    assert len(set(exported)) == len(exported)
    assert [one for one in exported if not hasattr(import_module(name), one)] == []


def test_what_one_module_takes_from_another_is_exported_there():
    wrong = [
        f"{who} takes {what} from {where}"
        for who, where, what in taken()
        if what not in getattr(import_module(where), "__all__", ())
    ]
    assert wrong == []


def test_every_name_of_the_package_can_be_had_and_is_where_the_types_say():
    omniq = import_module("omniq")

    typed = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(MODULES["omniq"].read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("omniq.")
        for alias in node.names
    }
    assert typed == set(omniq.__all__)
    assert [name for name in omniq.__all__ if getattr(omniq, name, None) is None] == []
    assert dir(omniq) == sorted(omniq.__all__)
