"""What can be run here: `nox -s tests`, and what stands beside it."""

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

MEMBERS = ("omniq-core", "omniq-sqlite")
GROUPS = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the checkout by path, never by name: the public index has another project of that name."""
    needed = [one for group in groups for one in nox.project.dependency_groups(GROUPS, group)]
    session.install(*needed, *(part for member in MEMBERS for part in ("-e", member)), "-e", ".")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests."""
    install(session, "test", "types", "build")
    session.run("pytest", *session.posargs)


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
