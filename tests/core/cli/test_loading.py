"""A wrong APP says which part is wrong."""

from __future__ import annotations

import sys

import click
import pytest

from omniq import AsyncOmniQ
from omniq.cli.loading import load_app


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module into a fresh working folder; forget it again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("shop_"):
            del sys.modules[name]


def refused(reference: str) -> str:
    with pytest.raises(click.BadParameter) as caught:
        load_app(reference)
    return caught.value.message


@pytest.mark.parametrize("face", ["OmniQ", "AsyncOmniQ"])
def test_either_face_gives_the_async_one(module, face):
    module("shop_good", f"from omniq import {face}\noq = {face}('memory://')\n")

    assert isinstance(load_app("shop_good:oq"), AsyncOmniQ)


def test_without_a_colon_the_form_is_shown():
    assert refused("app") == "'app' names no app; write MODULE:ATTRIBUTE, for example app:oq"


def test_a_path_is_turned_into_the_name_of_its_module():
    assert refused("shop/app.py:oq").endswith("write it as Python imports it: shop.app:oq")


def test_a_missing_module_is_named_with_the_folder_searched(module, tmp_path):
    assert refused("shop_missing:oq").startswith(f"no module 'shop_missing' in {tmp_path}")


def test_a_missing_part_of_a_package_is_named_alone(module):
    module("shop_flat", "")

    assert "shop_flat" in refused("shop_flat.tasks:oq")


def test_a_missing_attribute_lists_the_apps_that_are_there(module):
    module("shop_two", "from omniq import OmniQ\nqueue = OmniQ('memory://')\n")

    assert refused("shop_two:oq") == "module 'shop_two' has no attribute 'oq'; apps there: shop_two:queue"


def test_something_else_is_named_by_its_type(module):
    module("shop_other", "oq = 3\n")

    assert refused("shop_other:oq") == (
        "shop_other:oq is a int, not an OmniQ; the module has no app: add oq = OmniQ(...)"
    )


def test_an_error_inside_the_module_is_shown_with_its_line_and_without_our_frames(module):
    module("shop_broken", "x = 1\nx / 0\n")

    text = refused("shop_broken:oq")

    assert text.startswith("module 'shop_broken' was found and cannot be imported:")
    assert "x / 0" in text
    assert "loading.py" not in text


def test_an_import_that_fails_inside_the_module_is_not_blamed_on_the_name(module):
    module("shop_needs", "import shop_absent_dependency\n")

    assert refused("shop_needs:oq").startswith("module 'shop_needs' was found and cannot be imported:")
