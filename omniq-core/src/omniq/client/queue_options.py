"""Options for every task of a queue, from the settings: below what the task says, above the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniq.client.options import Defaults, RetryPolicy, Unique, merged, resolve
from omniq.config.resolve import Config
from omniq.errors import ConfigError, InvalidOption

__all__ = ("QueueOptions", "options_of_queues")


class QueueOptions:
    """What the settings say about queues; made once, asked at every enqueue."""

    def __init__(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        self._options = options

    def under(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give a task's options with those of its queue beneath them."""
        beneath = self._options.get(given.get("queue", "default"))
        if beneath is None:
            return given
        return merged(beneath, given)


def options_of_queues(config: Config) -> QueueOptions | None:
    """Make them from decided settings; None where there are none, so that nothing is asked.

    Raises:
        ConfigError: an option has a value that no task could have.
    """
    if not config.queue_options:
        return None
    made = {queue: _made(options) for queue, options in config.queue_options.items()}
    for queue, options in made.items():
        try:
            resolve(options, Defaults())
        except InvalidOption as error:
            origin = config.origins.get(f"QUEUES.{queue}", f"queues.{queue}")
            raise ConfigError(f"{origin}: {error}") from None
    return QueueOptions(made)


def _made(options: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(options)
    if isinstance(made.get("retry"), Mapping):
        given = made["retry"]
        types = {key: tuple(given[key]) for key in ("retry_on", "give_up_on") if key in given}
        made["retry"] = RetryPolicy(**{**given, **types})
    if isinstance(made.get("unique"), Mapping):
        made["unique"] = Unique(**made["unique"])
    return made
