"""Finds and reads `omniq.yaml`: plain data only, no key twice, no tag that would make an object.

Invariant: an error names the file and the line, and never quotes the text, which may hold a password.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omniq.errors import ConfigConflict, ConfigError

if TYPE_CHECKING:
    from yaml import MappingNode, Node

__all__ = ("FILES", "find_file", "load_file")

FILES = ("omniq.yaml", "omniq.yml")
"""What is looked for in the working directory."""


def find_file(folder: Path) -> Path | None:
    """Give the configuration file of a folder.

    Raises:
        ConfigConflict: it has both.
    """
    found = [folder / name for name in FILES if (folder / name).is_file()]
    if len(found) > 1:
        raise ConfigConflict(f"{found[0]} is there", f"so is {found[1].name}")
    return found[0] if found else None


def load_file(path: Path) -> Mapping[str, Any]:
    """Read one file; an empty one says nothing.

    Raises:
        ConfigError: it cannot be read, is no YAML, has a key twice, or is no mapping at the top.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {why}") from None
    loaded = _load(text, path)
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds no settings; write 'key: value' lines, for example 'project_name: shop'")
    return loaded


def _load(text: str, path: Path) -> Any:
    import yaml  # only who has a file pays for the parser

    class Loader(yaml.SafeLoader):
        """Refuses a key that stands twice, where YAML says that the last one wins without a word."""

        def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen: dict[str, Node] = {}
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    if key.value in seen:
                        first = seen[key.value].start_mark.line + 1
                        raise ConfigError(
                            f"{path}, line {key.start_mark.line + 1}: the key {key.value!r} stands on line {first} "
                            "already; remove one of the two"
                        )
                    seen[key.value] = key
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise ConfigError(f"{path}{line}: {error.problem or 'malformed'}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2024-99-99
        raise ConfigError(f"{path} is malformed: {type(error).__name__}") from None
