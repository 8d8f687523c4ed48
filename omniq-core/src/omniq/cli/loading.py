"""Finds an app by `module:attribute`, and says which part is wrong when there is none.

An error inside the user's module is not a wrong APP: it is shown with its own traceback, without our frames.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from omniq import AsyncOmniQ, OmniQ

__all__ = ("load_app",)


def load_app(reference: str) -> AsyncOmniQ[Any]:
    """Import the app named by `reference`, on its async face.

    Raises:
        click.BadParameter: no colon, no such module, no such attribute, or not an app.
    """
    module_name, colon, attribute = reference.partition(":")
    if not colon or not module_name or not attribute:
        raise _wrong(f"{reference!r} names no app; write MODULE:ATTRIBUTE, for example app:oq")
    if module_name.endswith(".py") or "/" in module_name:
        stem = Path(module_name).with_suffix("")
        raise _wrong(
            f"module {module_name!r} is a path; write it as Python imports it: {'.'.join(stem.parts)}:{attribute}"
        )
    here = str(Path.cwd())
    if here not in sys.path:  # a console script has its own folder there, not the user's
        sys.path.insert(0, here)
    module = _import(module_name)
    found = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise _wrong(
                f"module {module_name!r} has no attribute {attribute!r}{_instead(module, attribute)}"
            ) from None
    if isinstance(found, OmniQ):
        return found.aio
    if isinstance(found, AsyncOmniQ):
        return found
    raise _wrong(f"{module_name}:{attribute} is a {type(found).__name__}, not an OmniQ{_instead(module, attribute)}")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise _wrong(
                f"no module {error.name!r} in {Path.cwd()} or on sys.path; "
                "start the command in the folder that holds it"
            ) from None
        raise _broken(name, error) from None
    except Exception as error:
        raise _broken(name, error) from None


def _broken(name: str, error: Exception) -> click.BadParameter:
    frame = error.__traceback__
    while frame is not None and (
        frame.tb_frame.f_code.co_filename == __file__ or "importlib" in frame.tb_frame.f_code.co_filename
    ):
        frame = frame.tb_next
    text = "".join(traceback.format_exception(type(error), error, frame)).rstrip()
    return _wrong(f"module {name!r} was found and cannot be imported:\n{text}")


def _instead(module: Any, attribute: str) -> str:
    apps = [name for name, value in vars(module).items() if isinstance(value, OmniQ | AsyncOmniQ)]
    if apps:
        near = difflib.get_close_matches(attribute, apps, n=1)
        ordered = near + [name for name in apps if name not in near]
        return f"; apps there: {', '.join(f'{module.__name__}:{name}' for name in ordered)}"
    return "; the module has no app: add oq = OmniQ(...)"


def _wrong(text: str) -> click.BadParameter:
    return click.BadParameter(text, param_hint="APP")
