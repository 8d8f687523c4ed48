"""Turns what the driver and the server say into the exceptions of the contract, with the place and the way out.

Invariant: no text made here has a password in it.
"""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from omniq.errors import StoreCorrupt, StoreError, StoreFull, StoreRefused, StoreUnavailable

__all__ = ("is_elsewhere", "is_unknown_script", "translated")

_AWAY = (
    "LOADING",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "MOVED",
    "ASK",
    "NOREPLICAS",
    "UNBLOCKED",
)
_NAMED = {
    "AskError": "ASK",
    "BusyLoadingError": "LOADING",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "MovedError": "MOVED",
    "ReadOnlyError": "READONLY",
    "TryAgainError": "TRYAGAIN",
}
"""redis-py makes classes of some replies and takes their first word away."""
_ELSEWHERE = ("MOVED", "ASK", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "UNBLOCKED")


def translated(error: Exception, place: str, *, opening: bool = False) -> StoreError:
    """Give the exception that a caller of the store may see; `opening` where nothing has ever worked yet."""
    text = str(error)
    kind = _kind(error, text)
    if isinstance(error, StoreError):
        return error
    if _is_refusal(error, text):
        why = f"{place} refuses this user or password: {text}; correct the URL, or ask for the permission"
        return StoreRefused(why) if opening else StoreUnavailable(why)
    if isinstance(error, OutOfMemoryError) or "OOM command not allowed" in text:
        return StoreFull(
            f"{place} is full (maxmemory is reached), so nothing was written; running tasks still end. "
            "Raise maxmemory, or let workers drain and purge the queues"
        )
    if kind == "MISCONF":
        return StoreFull(f"{place} takes no writes because it cannot save to its disk: {text}")
    if isinstance(error, ClusterDownError) or kind == "CLUSTERDOWN":
        return StoreUnavailable(
            f"{place}: no node serves the slot of this project now ({text}); "
            "see `redis-cli cluster info`, and give every slot a master"
        )
    if isinstance(error, BusyLoadingError | ReadOnlyError) or kind in _AWAY:
        return StoreUnavailable(f"{place} cannot answer now: {text}")
    if isinstance(error, ResponseError):
        if opening and ("DB index" in text or "invalid DB" in text):
            return StoreRefused(f"{place}: {text}; name a database that the server has")
        return StoreCorrupt(f"{place}: {text}; these keys are damaged, or are another program's")
    if isinstance(error, RedisError | OSError | TimeoutError | EOFError):
        return StoreUnavailable(
            f"{place} cannot be reached: {text or type(error).__name__}; see that the server runs and the URL is right"
        )
    return StoreUnavailable(f"{place}: {type(error).__name__}: {text}")


def is_unknown_script(reply: object) -> bool:
    """Whether the server has forgotten a script, so nothing of the call has happened."""
    return isinstance(reply, NoScriptError) or (isinstance(reply, ResponseError) and str(reply).startswith("NOSCRIPT"))


def is_elsewhere(reply: object) -> bool:
    """Whether another server must be asked from now on."""
    return isinstance(reply, RedisError) and _kind(reply, str(reply)) in _ELSEWHERE


def _kind(error: Exception, text: str) -> str:
    return _NAMED.get(type(error).__name__) or text.partition(" ")[0].lstrip("-")


def _is_refusal(error: Exception, text: str) -> bool:
    if isinstance(error, AuthenticationError | NoPermissionError):
        return True
    return any(word in text for word in ("NOAUTH", "WRONGPASS", "NOPERM", "invalid password", "without any password"))
