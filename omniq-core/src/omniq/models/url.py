"""The URL that names a store: taken apart once, shown to people only without its password.

Invariant: the text of a `StoreUrl`, its repr and every error made here have the password masked.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from omniq.errors import InvalidOption

__all__ = ("MASK", "StoreUrl", "looks_like_url", "mask", "parse_url", "scheme_of")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SECRET_KEYS = re.compile(r"(?i)((?:^|[?&;])(?:[a-z0-9_.-]*(?:password|passwd|secret|token|key))=)[^&#;]*")
_USERINFO = re.compile(r"(//[^/?#@:]*):.*@")
MASK = "***"


class StoreUrl(msgspec.Struct, frozen=True, kw_only=True):
    """One URL in parts, percent-decoded.

    `path` is what follows the host without the one slash between them: `sqlite:///jobs.db` has the relative
    path "jobs.db", `sqlite:////srv/jobs.db` the absolute "/srv/jobs.db", `redis://host/0` the path "0", and
    `file:jobs` the path "jobs". An absent part is empty, an absent port None.
    """

    scheme: str
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = ""
    path: str = ""
    query: dict[str, str] = {}
    text: str = ""

    def __repr__(self) -> str:
        return f"StoreUrl({mask(self.text)!r})"

    def __str__(self) -> str:
        return mask(self.text)

    def parts(self) -> dict[str, Any]:
        """Give what the URL says as option values by name; what it leaves out is absent."""
        said: dict[str, Any] = {
            name: value
            for name in ("host", "port", "user", "password", "path")
            if (value := getattr(self, name)) not in ("", None)
        }
        return {**said, **self.query}


def looks_like_url(text: str) -> bool:
    """Tell a URL from a bare name: it begins with a scheme and a colon."""
    return _SCHEME.match(text) is not None


def scheme_of(text: str) -> str:
    """Give the scheme in lower case, or "" where the text is no URL."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def parse_url(text: str) -> StoreUrl:
    """Take a URL apart.

    Raises:
        InvalidOption: no scheme, a malformed port, an unclosed bracket, or one option given twice.
    """
    scheme = scheme_of(text)
    if not scheme:
        raise InvalidOption("url", f"{mask(text)!r} has no scheme; write for example 'sqlite:///jobs.db'")
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError as error:
        raise InvalidOption("url", f"{mask(text)!r} is malformed: {_reason(error)}") from None
    path = split.path
    if "//" in text[len(scheme) : len(scheme) + 3]:
        path = path.removeprefix("/")
    return StoreUrl(
        scheme=scheme,
        host=_host(split),
        port=port,
        user=unquote(split.username or ""),
        password=unquote(split.password or ""),
        path=unquote(path),
        query=_query(split.query, text),
        text=text,
    )


def mask(text: str) -> str:
    """Replace the password of a URL, and what its query calls a password, secret, token or key."""
    return _SECRET_KEYS.sub(rf"\g<1>{MASK}", _USERINFO.sub(rf"\g<1>:{MASK}@", text))


def _host(split: SplitResult) -> str:
    # Not `hostname`, which lowers the case: buckets and socket folders have one.
    place = split.netloc.rpartition("@")[2]
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return unquote(place.partition(":")[0])


def _query(query: str, text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in options:
            raise InvalidOption(name, f"given twice in {mask(text)!r}")
        options[name] = value
    return options


def _reason(error: ValueError) -> str:
    # urllib quotes the offending part, and in a URL with an unescaped '@' or '/' that can be the password.
    return "its port is no number from 0 to 65535" if "ort" in str(error) else "its host is not readable"
