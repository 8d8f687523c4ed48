"""What one execution left behind: a value or an error, as data."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from omniq.models.states import Reason, State

__all__ = ("MAX_TRACEBACK", "TaskError", "TaskResult", "dump_error", "load_error")

R = TypeVar("R")

MAX_TRACEBACK = 32 * 1024
"""Bytes kept of a message or traceback; the middle is cut, the ends tell most."""


class TaskError(msgspec.Struct, frozen=True):
    """An error as data: never created again by import."""

    type: str
    message: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> TaskError:
        """Describe an exception: type name, message, formatted traceback, all bounded."""
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        try:
            message = str(error)
        except Exception as second:  # a user's __str__ may raise
            message = f"<message unavailable: {type(second).__name__}>"
        try:
            text = "".join(traceback.format_exception(error))
        except Exception as second:
            text = f"<traceback unavailable: {type(second).__name__}>"
        return cls(name, _bounded(message), _bounded(text))


class TaskResult(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """How a task ended, with its value (None unless it succeeded and kept one) or its error.

    `expired` says that a value is gone: past its result_ttl, or not kept because that was 0.
    """

    task_id: str
    state: State
    value: R | None = None
    error: TaskError | None = None
    reason: Reason | None = None
    attempt: int = 0
    expired: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode: Any = msgspec.msgpack.Decoder(TaskError).decode


def dump_error(error: TaskError) -> bytes:
    """Encode an error for the store."""
    return _encode(error)


def load_error(blob: bytes) -> TaskError:
    """Decode a stored error; damaged bytes give an error that says so, since a reader must not fail here."""
    try:
        found: TaskError = _decode(blob)
    except msgspec.DecodeError as why:
        return TaskError("omniq.Undecodable", f"the stored error cannot be decoded: {why}")
    return found


def _bounded(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    if len(raw) <= MAX_TRACEBACK:
        return raw.decode("utf-8")
    half = MAX_TRACEBACK // 2
    return f"{raw[:half].decode('utf-8', 'ignore')}\n... cut ...\n{raw[-half:].decode('utf-8', 'ignore')}"
