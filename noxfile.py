"""What can be run here: `nox -s tests`, and what stands beside it."""

import re
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

MEMBERS = ("omniq-core", "omniq-sqlite", "omniq-redis")
GROUPS = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the checkout by path, never by name: the public index has another project of that name."""
    needed = [one for group in groups for one in nox.project.dependency_groups(GROUPS, group)]
    session.install(*needed, *(part for member in MEMBERS for part in ("-e", member)), "-e", ".")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests."""
    install(session, "test", "types", "build", "lint")
    session.run("pytest", *session.posargs)


@nox.session
def matrix(session: nox.Session) -> None:
    """What takes servers beyond the usual ones: clusters."""
    install(session, "test")
    session.run("pytest", "-m", "matrix", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Format and lint."""
    install(session, "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types of all sources."""
    install(session, "types")
    session.run("mypy", *(f"{member}/src" for member in MEMBERS))


@nox.session
def demo(session: nox.Session) -> None:
    """The main job on real input."""
    install(session)
    session.run("omniq", "demo", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Workers killed and frozen, stores taken away; by default the large figure, into proof/."""
    install(session, "test")
    session.run("python", "tests/chaos/chaos_run.py", *(session.posargs or ("--large", "--proof", "proof")))


@nox.session(venv_backend="none")
def bump(session: nox.Session) -> None:
    """Write one version into every distribution and every pin: `nox -s bump -- 0.2.0`."""
    if len(session.posargs) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+", session.posargs[0]):
        session.error("give one version, for example: nox -s bump -- 0.2.0")
    [version] = session.posargs
    for file in map(Path, ("pyproject.toml", *(f"{member}/pyproject.toml" for member in MEMBERS))):
        text = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', file.read_text(), count=1)
        file.write_text(re.sub(r"(omniq-[a-z]+(?:\[[a-z]+\])?)==[0-9.]+", rf"\g<1>=={version}", text))
