"""What can be said about a Redis store, in a URL or a configuration file.

Invariant: the repr of an option or of a place has no password in it.
"""

from __future__ import annotations

from functools import cache

import msgspec

from omniq.errors import InvalidOption
from omniq.models.url import mask, parse_url

__all__ = ("Place", "RedisOptions")

_SCHEMES = {
    "redis": (False, False),
    "rediss": (True, False),
    "redis+cluster": (False, True),
    "rediss+cluster": (True, True),
    "redis+unix": (False, False),
}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is and how to greet it. `socket` is the path of a Unix socket, "" for TCP."""

    host: str
    port: int
    database: int
    user: str
    password: str
    tls: bool
    cluster: bool
    socket: str

    def __repr__(self) -> str:
        return f"Place({str(self)!r})"

    def __str__(self) -> str:
        if self.socket:
            return f"redis+unix://{self.socket}?database={self.database}"
        scheme = f"redis{'s' if self.tls else ''}{'+cluster' if self.cluster else ''}"
        who = f"{self.user}{':***' if self.password else ''}@" if self.user or self.password else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{who}{host}:{self.port}{'' if self.cluster else f'/{self.database}'}"


class RedisOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server by its URL: `redis://user:password@host:6379/0`, `rediss://` with TLS, `redis+cluster://` for a
    cluster of which one node is named, `redis+unix:///run/redis.sock`. What is said apart from the URL wins over it.

    `timeout` is how many seconds a connect or an answer may take before the server counts as away.
    """

    url: str = "redis://localhost:6379/0"
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = ""
    path: str = ""
    """The number of the database, or the path of the Unix socket."""
    database: int = 0
    timeout: float = 5.0
    ca: str = ""
    """A file of certificates to trust with TLS; "" for those of the system."""
    verify: bool = True
    """Check the server's certificate and name."""

    def __post_init__(self) -> None:
        """Take over what the query of the URL says, so that it counts wherever the options are made."""
        for name, value in parse_url(self.url).query.items():
            field = _fields().get(name)
            if field is None:
                raise InvalidOption(name, f"the URL has it; the options are {', '.join(_fields())}")
            if getattr(self, name) == field.default:
                try:
                    found = msgspec.convert(value, field.type, strict=False)
                except msgspec.ValidationError as why:
                    raise InvalidOption(name, str(why)) from None
                msgspec.structs.force_setattr(self, name, found)

    def __repr__(self) -> str:
        return f"RedisOptions({mask(self.url)!r})"

    def place(self) -> Place:
        """Put the URL and what was said apart from it together.

        Raises:
            InvalidOption: an unknown scheme, or a database that is no number.
        """
        url = parse_url(self.url)
        if url.scheme not in _SCHEMES:
            raise InvalidOption("url", f"{url} is of no scheme known here; it is one of {', '.join(_SCHEMES)}")
        tls, cluster = _SCHEMES[url.scheme]
        unix = url.scheme == "redis+unix"
        path = self.path or url.path
        database = self.database
        if path and not unix:
            if not path.isdigit():
                raise InvalidOption("path", f"{url}: the database is a number, for example redis://localhost:6379/0")
            database = int(path)
        if cluster and database:
            raise InvalidOption("path", f"{url}: a cluster has the database 0 only")
        if not 0 < self.timeout <= 3600:
            raise InvalidOption("timeout", f"{self.timeout} s; write seconds, more than 0 and at most 3600")
        return Place(
            host=self.host or url.host or "localhost",
            port=self.port or url.port or 6379,
            database=database,
            user=self.user or url.user,
            password=self.password or url.password,
            tls=tls,
            cluster=cluster,
            socket=f"/{path.lstrip('/')}" if unix else "",
        )


@cache
def _fields() -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(RedisOptions) if field.name != "url"}
