"""One version for all distributions, pinned exactly, and extras that name every member."""

import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from omniq.plugins.registry import EXTRAS, LATER, registry

ROOT = Path(__file__).parents[2]
PROJECTS = {
    loaded["project"]["name"]: loaded["project"]
    for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("omniq-*/pyproject.toml"))]
    for loaded in [tomllib.loads(path.read_text())]
}
MEMBERS = sorted(PROJECTS.keys() - {"omniq"})
VERSION = PROJECTS["omniq"]["version"]


def test_all_versions_agree():
    assert {name: project["version"] for name, project in PROJECTS.items()} == dict.fromkeys(PROJECTS, VERSION)


def test_whatever_names_a_member_pins_this_version():
    for name, project in PROJECTS.items():
        extras = project.get("optional-dependencies", {}).values()
        for requirement in (*project.get("dependencies", ()), *(one for extra in extras for one in extra)):
            if requirement.startswith("omniq-"):
                assert requirement.endswith(f"=={VERSION}"), f"{name}: {requirement}"


def test_the_core_and_the_one_file_store_come_with_the_root():
    assert {f"omniq-core=={VERSION}", f"omniq-sqlite=={VERSION}"} <= set(PROJECTS["omniq"]["dependencies"])


def test_the_extras_name_every_member_and_all_names_every_extra():
    extras = PROJECTS["omniq"]["optional-dependencies"]
    named = {one.partition("==")[0].partition("[")[0] for extra in extras.values() for one in extra}

    assert set(MEMBERS) - named == set()
    [everything] = extras["all"]
    assert set(everything.removeprefix("omniq[").removesuffix("]").split(",")) == extras.keys() - {"all"}


def test_the_install_advice_names_extras_that_exist_and_no_planned_one():
    members = {row.name for row in registry.listing() if row.distribution not in ("", "omniq-core")}

    assert set(EXTRAS.values()) <= PROJECTS["omniq"]["optional-dependencies"].keys()
    assert members <= EXTRAS.keys()
    assert LATER.isdisjoint({*EXTRAS, *(row.name for row in registry.listing())})


@pytest.mark.parametrize("name", MEMBERS)
def test_what_is_installed_is_ours(name):
    installed = distribution(name)

    assert installed.metadata["Summary"] == PROJECTS[name]["description"]
    assert installed.version == VERSION


def test_the_entry_points_installed_are_those_declared():
    declared = {
        (point, module)
        for project in PROJECTS.values()
        for point, module in project.get("entry-points", {}).get("omniq", {}).items()
    }
    installed = {
        (point.name, point.value)
        for name in MEMBERS
        for point in distribution(name).entry_points
        if point.group == "omniq"
    }
    assert installed == declared
