"""The wheels that a user installs: built from this checkout, ours, and the root one without code."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEMBERS = sorted(path.parent for path in ROOT.glob("omniq-*/pyproject.toml"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Every distribution's wheel by its name. Without isolation: the build back end is in our test group."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, *MEMBERS):
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(project)]
        subprocess.run(command, check=True, capture_output=True, text=True)
    return {path.name.partition("-")[0].replace("_", "-"): zipfile.ZipFile(path) for path in folder.iterdir()}


def metadata(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_there_is_one_wheel_for_each_distribution(wheels):
    assert set(wheels) == {"omniq", *(member.name for member in MEMBERS)}


def test_the_root_wheel_holds_metadata_and_the_console_script_only(wheels):
    names = wheels["omniq"].namelist()

    assert [name for name in names if ".dist-info/" not in name] == []
    [points] = [name for name in names if name.endswith("entry_points.txt")]
    assert wheels["omniq"].read(points).decode().split("\n")[:2] == ["[console_scripts]", "omniq = omniq.cli.main:main"]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_members_wheel_holds_its_whole_package_and_its_types(wheels, member):
    source = member / "src"
    written = {
        str(path.relative_to(source)) for path in source.rglob("*") if path.is_file() and "pycache" not in str(path)
    }

    packed = {name for name in wheels[member.name].namelist() if ".dist-info/" not in name}

    assert packed == written
    assert f"{member.name.replace('-', '_').replace('omniq_core', 'omniq')}/py.typed" in packed


def test_every_wheel_is_ours_and_says_what_it_needs(wheels):
    for name, wheel in wheels.items():
        said = metadata(wheel)

        assert said["Name"] == name
        assert said["License-Expression"] == "Apache-2.0"
        assert said["Requires-Python"] == ">=3.11"
        assert said["Description-Content-Type"] == "text/markdown"
