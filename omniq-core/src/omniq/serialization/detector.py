"""Which codec a value needs, judged by its structure and never by whether encoding happened to work."""

from __future__ import annotations

from typing import Any

from omniq.errors import Unserializable
from omniq.serialization.extensions import PLAIN, flatten

__all__ = ("SerializationDetector",)

_SMALL = range(-(2**63), 2**63)


class SerializationDetector:
    """Looks at values before anything is encoded."""

    def is_plain(self, values: tuple[Any, ...]) -> bool:
        """Say whether every value is a scalar that msgpack carries exactly: the fast path."""
        return all(type(value) in PLAIN or (type(value) is int and value in _SMALL) for value in values)

    def is_data(self, value: Any) -> bool:
        """Say whether the msgspec codec carries this value with its exact types."""
        try:
            flatten(value, "value")
        except Unserializable:
            return False
        return True
