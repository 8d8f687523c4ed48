"""Writes omniq/sync/_generated.py: the sync face, from the async classes and the frame below.

`python omniq-core/scripts/generate_sync.py` rewrites the file; a test generates it again and compares.
What is not a plain forward (declaring, typing of the shapes, workers) stands in the frame by hand.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "omniq"
TARGET = SOURCE / "sync" / "_generated.py"
FRAME = Path(__file__).with_name("sync_frame.py.txt")

BY_HAND = {
    "AsyncOmniQ": {"task", "worker", "start_worker", "stop_worker", "run_until_idle", "close", "adopt"},
    "AsyncHandle": set(),
    "AsyncVerbs": set(),
    "AsyncTaskQueue": {"on"},
    "AsyncResultStorage": {"wait", "ends"},
}
HOMES = {
    "AsyncOmniQ": "app.py",
    "AsyncHandle": "client/handles.py",
    "AsyncVerbs": "client/verbs.py",
    "AsyncTaskQueue": "client/queue.py",
    "AsyncResultStorage": "client/results.py",
}


def forwards(class_name: str) -> str:
    """Give the forwarding methods of one async class."""
    tree = ast.parse((SOURCE / HOMES[class_name]).read_text())
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name)
    methods = [
        node
        for node in found.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and node.name not in BY_HAND[class_name]
        and all(isinstance(one, ast.Name) and one.id == "overload" for one in node.decorator_list)
    ]
    return "\n".join(forward(node) for node in methods)


def forward(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Give one method of the sync face."""
    answer = ast.unparse(node.returns) if node.returns else "None"
    arguments = ast.unparse(node.args).replace("AsyncHandle", "Handle")
    if node.decorator_list:
        return f"    @overload\n    def {node.name}({arguments}) -> {answer}: ...\n"
    doc = ast.get_docstring(node, clean=False)
    given = passed(node.args).replace("handles", "[one._aio for one in handles_of(handles, Handle)]")
    if isinstance(node, ast.AsyncFunctionDef):
        value = f"self._driver.run(self._aio.{node.name}{', ' * bool(given)}{given})"
    else:
        value = f"self._aio.{node.name}({given})"
    if answer.startswith("AsyncIterator"):
        body = f"for one in self._driver.iterate({value}):\n            yield Handle(self._driver, one)"
    elif answer.startswith("list[AsyncHandle"):
        body = f"return [Handle(self._driver, one) for one in {value}]"
    elif answer.startswith("AsyncHandle"):
        body = f"return Handle(self._driver, {value})"
    else:
        body = value if answer == "None" else f"return {value}"
    answer = answer.replace("AsyncIterator", "Iterator").replace("AsyncHandle", "Handle")
    return f'    def {node.name}({arguments}) -> {answer}:\n        """{doc}"""\n        {body}\n'


def passed(arguments: ast.arguments) -> str:
    """Give the arguments of a forwarding call."""
    parts = [one.arg for one in [*arguments.posonlyargs, *arguments.args] if one.arg != "self"]
    if arguments.vararg:
        parts.append(f"*{arguments.vararg.arg}")
    parts += [f"{one.arg}={one.arg}" for one in arguments.kwonlyargs]
    if arguments.kwarg:
        parts.append(f"**{arguments.kwarg.arg}")
    return ", ".join(parts)


def generate() -> str:
    """Give the whole text of the generated module, formatted."""
    text = FRAME.read_text()
    for name in HOMES:
        text = text.replace(f"    # <{name}>\n", forwards(name))
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    TARGET.write_text(generate())
