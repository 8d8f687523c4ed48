"""From a chosen provider's strings and a URL to its factory and its decoded options.

Invariant: an option that the provider does not know is refused with its name; no part of a URL is ignored.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any, Literal, cast, get_args, get_origin

import msgspec

from omniq.errors import BackendBroken, InvalidOption
from omniq.models.url import StoreUrl
from omniq.plugins.discovery import Offer

__all__ = ("decode", "resolve")


def resolve(offer: Offer, place: str) -> Any:
    """Import what "module:attribute" names; here, and only here, a driver is loaded.

    Raises:
        BackendBroken: it cannot be imported, or the attribute is missing.
    """
    module, _, attribute = place.partition(":")
    try:
        value: Any = import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except Exception as error:
        why = f"{place}: {type(error).__name__}: {error}"
        raise BackendBroken(offer.role, offer.provider.name, str(offer.source), why) from error
    return value


def decode(offer: Offer, url: StoreUrl | None) -> msgspec.Struct | None:
    """Decode a URL into the provider's options struct; None where the provider has none.

    Raises:
        InvalidOption: unknown, missing or of the wrong type; the text names it.
        BackendBroken: the struct cannot be imported.
    """
    said = url.parts() if url else {}
    place = offer.provider.options
    if not place:
        if said:
            raise InvalidOption(next(iter(said)), f"backend {offer.provider.name!r} takes no options")
        return None
    struct = cast("type[msgspec.Struct]", resolve(offer, place))
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    if url is not None and "url" in fields:
        said = {"url": url.text, **said}
    for option in said:
        if option in fields:
            continue
        if option == "host" and "path" in fields and url is not None:
            if not fields["path"].required:
                raise InvalidOption(
                    "host", f"{url} names a host, and {offer.provider.name} has none; write '{url.scheme}://'"
                )
            place = f"{url.scheme}:///{url.host}"
            raise InvalidOption("host", f"{url} names a host; write {place!r} for a path, with three slashes")
        close = difflib.get_close_matches(option, fields, n=1)
        hint = f", did you mean {close[0]!r}?" if close else f"; it has {', '.join(fields) or 'none'}"
        raise InvalidOption(option, f"backend {offer.provider.name!r} has no such option{hint}")
    for name, field in fields.items():
        if field.required and name not in said:
            example = f"{offer.provider.name}:///..." if name == "path" else f"?{name}=..."
            raise InvalidOption(name, f"backend {offer.provider.name!r} needs it; write {example!r}")
    said = {option: _chosen(option, value, fields[option].type) for option, value in said.items()}
    try:
        return msgspec.convert(said, type=struct, strict=False)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else offer.provider.name
        raise InvalidOption(where, str(error).partition(" - at ")[0]) from None


def _chosen(option: str, value: str, kind: Any) -> str:
    """Give one of a closed set of words as its provider spells it; other values as they are."""
    words = get_args(kind) if get_origin(kind) is Literal else ()
    if not words or not all(isinstance(word, str) for word in words):
        return value
    for word in words:
        if word.lower() == value.lower():
            return str(word)
    raise InvalidOption(option, f"{value!r:.60} is not allowed; use one of {', '.join(words)}")
