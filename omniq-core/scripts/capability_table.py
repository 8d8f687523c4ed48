"""Writes the table of docs/backends.md: what each installed backend of this project declares.

`python omniq-core/scripts/capability_table.py` rewrites the part between the marks; a test generates it again and
compares. Declared is what the conformance kit has checked, so the table is written by nobody's hand.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omniq.errors import InvalidOption
from omniq.plugins.provider import Role
from omniq.plugins.registry import registry
from omniq.storage.base import Capabilities, Durability, Feature

TARGET = Path(__file__).parents[2] / "docs" / "backends.md"
BEGIN = "<!-- capabilities: begin, written by omniq-core/scripts/capability_table.py -->"
END = "<!-- capabilities: end -->"
ANY = 10**8
"""From here on a bound is one that nobody meets."""
MAKER = {Role.TASKS: "tasks", Role.RESULTS: "results", Role.EVENTS: "events"}
PLACES = ("{name}", "{scheme}:///jobs.db", "{scheme}://localhost/0")
"""Where a backend may be, the first that it takes; nothing is opened."""


def table() -> str:
    """Give the table."""
    backends = declared()
    rows = [["", *backends]]

    def add(label: str, say: Callable[[Capabilities], str]) -> None:
        rows.append([label, *(say(found[Role.TASKS]) if Role.TASKS in found else "" for found in backends.values())])

    rows += [[role.value, *(yes(role in found) for found in backends.values())] for role in MAKER]
    add("an answered write survives", lambda one: meaning(Durability)[one.durability.name])
    add("tasks of one call, all or nothing", lambda one: count(one.batch_atomic))
    add("largest payload, KiB", lambda one: count(one.max_payload // 1024))
    add("most parents", lambda one: count(one.max_parents))
    for feature in Feature:
        question = meaning(Feature)[feature.name or ""].split("?")[0] + "?"
        add(f"{feature.name}: {question}", lambda one, feature=feature: yes(feature in one.features))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def declared() -> dict[str, dict[Role, Capabilities]]:
    """Ask every installed backend of this project, by name and role."""
    found: dict[str, dict[Role, Capabilities]] = {}
    for row in registry.listing():
        if row.role in MAKER and row.state == "ok" and row.distribution.startswith("omniq-"):
            store = getattr(backend(row.name, row.schemes, row.role), MAKER[row.role])()
            found.setdefault(row.name, {})[row.role] = store.capabilities
    return found


def backend(name: str, schemes: tuple[str, ...], role: Role) -> Any:
    for place in PLACES:
        try:
            return registry.backend(place.format(name=name, scheme=schemes[0]), project="default", role=role)
        except InvalidOption as error:
            refused = error
    raise refused


def meaning(flags: type) -> dict[str, str]:
    """Give what stands below each member of an enum."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(flags))).body
    return {
        one.targets[0].id: " ".join(ast.literal_eval(text.value).split())
        for one, text in zip(body.body, body.body[1:], strict=False)
        if isinstance(one, ast.Assign) and isinstance(text, ast.Expr)
    }


def count(number: int) -> str:
    return f"{number:,}" if number < ANY else "any number"


def yes(answer: bool) -> str:
    return "yes" if answer else "no"


def generate() -> str:
    """Give the whole page with the table of today."""
    page = TARGET.read_text()
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    TARGET.write_text(generate())
