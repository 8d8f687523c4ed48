"""The ways from settings to a component, the same for every one: app, queue, results, worker, on both faces.

Each way decides a `Config` and hands it to the component's own `from_config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from omniq.config.resolve import Config, Places, resolve
from omniq.errors import ConfigError
from omniq.serialization.manager import SerializationManager

__all__ = ("Configured", "serializer_of")


class Configured:
    """Gives a component its constructors. `parts` is what its `from_config` takes beside the settings."""

    from_config: ClassVar[Callable[..., Any]]

    @classmethod
    def from_backend(cls, backend: object, *, project: str | None = None, **parts: Any) -> Self:
        """Make one on a URL, a plugin's name or a backend object; other settings as in `from_env`."""
        made: Self = cls.from_config(resolve(backend=backend, project=project), **parts)
        return made

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any], **parts: Any) -> Self:
        """Make one from a dict with the keys of `omniq.yaml`, in the place of any file.

        Raises:
            ConfigError: a key is unknown or malformed; the text has its dotted path.
        """
        made: Self = cls.from_config(resolve(document=settings), **parts)
        return made

    @classmethod
    def from_config_file(cls, path: str | Path, **parts: Any) -> Self:
        """Make one from a YAML file. `OMNIQ_*` variables stand before it.

        Raises:
            ConfigError: it cannot be read, or a key is unknown or malformed.
        """
        made: Self = cls.from_config(resolve(file=path), **parts)
        return made

    @classmethod
    def from_env(cls, **parts: Any) -> Self:
        """Make one from the `OMNIQ_*` variables, `omniq.yaml` where it is there, and the defaults."""
        made: Self = cls.from_config(resolve(), **parts)
        return made


def serializer_of(places: Places, config: Config) -> SerializationManager:
    """Give the codecs that may be accepted there: dill only where every store that is read is private to its user.

    One serializer reads arguments and results: a shared result store beside a private queue refuses dill for both.

    Raises:
        ConfigError: dill is allowed by the settings on a store that others can write to.
    """
    private = all(getattr(one, "private", False) for one in (places.tasks, places.results) if one is not None)
    if "dill" in config.codecs and not private:
        origin = config.origins.get("SERIALIZATION__ALLOW", "argument")
        raise ConfigError(
            f"serialization.allow ({origin}) has dill, and others can write to a store of it: reading dill would run "
            "what they wrote; allow [msgspec] alone"
        )
    return SerializationManager(accept_dill=private and (not config.codecs or "dill" in config.codecs))
