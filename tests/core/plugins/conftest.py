"""Plugins written to a folder for one test: real modules, and real metadata where it matters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from omniq.plugins.discovery import Announced, Source

PLUGIN = """
from omniq.plugins.provider import Provider
from omniq.plugins.specs import hookimpl

@hookimpl
def omniq_queue_providers():
    return (
        Provider(
            name={name!r},
            factory="{module}_driver:Backend",
            options="{module}_driver:Options",
            schemes={schemes!r},
            api={api!r},
        ),
    )
"""

DRIVER = """
import msgspec

class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    synchronous: str = "NORMAL"
    pages: int = 100

class Backend:
    def __init__(self, options, *, project):
        self.options, self.project = options, project

    def tasks(self):
        raise AssertionError("nothing is opened by selecting")
"""


class Shelf:
    """A folder on the path, into which a test puts plugins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def write(self, module: str, text: str) -> None:
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text(text)

    def put(
        self,
        name: str,
        *,
        by: str = "acme-omniq",
        schemes: tuple[str, ...] = (),
        api: tuple[int, int] = (1, 0),
        entry_point: str = "",
        plugin: str = PLUGIN,
        driver: str = DRIVER,
    ) -> Announced:
        module = f"{by}_{name}".replace("-", "_")
        self.write(module, plugin.format(name=name, module=module, schemes=schemes or (name,), api=api))
        self.write(f"{module}_driver", driver)
        return Announced(Source(by, "0.3.1"), entry_point or name, module)

    def loaded(self) -> set[str]:
        return {module for module in self.modules if module in sys.modules}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    shelf = Shelf(tmp_path)
    yield shelf
    for module in shelf.modules:
        sys.modules.pop(module, None)
