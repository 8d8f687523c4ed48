"""A call becomes a record, a record becomes arguments: the border between users' values and stores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from omniq.errors import PayloadTooLarge
from omniq.functions import Function
from omniq.models.policy import TaskPolicy, dump_policy
from omniq.models.states import Until
from omniq.models.values import DAY, Micros, new_id
from omniq.serialization.manager import SerializationManager
from omniq.storage.records import ClaimedTask, NewTask, UniqueKey

__all__ = ("MAX_HEADERS", "Enqueue", "pack", "unpack")

MAX_HEADERS = 16 * 1024
"""Bytes of policy, metadata and tags of one task."""


class Enqueue(msgspec.Struct, frozen=True, kw_only=True):
    """The resolved options of one enqueue: names checked, durations in µs, defaults applied."""

    queue: str = "default"
    priority: int = 5
    delay: Micros = 0
    run_at: Micros | None = None
    ttl: Micros | None = None
    keep: Micros = DAY
    unique_key: str | None = None
    until: Until = Until.TERMINAL
    window: Micros = 0
    raise_on_conflict: bool = False
    policy: TaskPolicy = TaskPolicy()
    tags: tuple[str, ...] = ()
    id: str | None = None


def pack(
    name: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    options: Enqueue,
    serializer: SerializationManager,
    project: str,
) -> NewTask:
    """Make the record of one call; a new id is drawn unless the options name one.

    The digest (BLAKE2b, 16 bytes) covers what makes two tasks the same content: name, payload, policy, queue.

    Raises:
        Unserializable, PayloadTooLarge: an argument does not travel, or all are too large.
    """
    payload = serializer.dump_arguments(name, args, dict(kwargs))
    policy = dump_policy(options.policy)
    if policy or options.tags:
        headers = len(policy) + sum(len(tag.encode()) for tag in options.tags)
        if headers > MAX_HEADERS:
            raise PayloadTooLarge(f"the metadata and tags of {name}", headers, MAX_HEADERS)
    # Names hold no \0, and the length says where the payload ends: no two contents share one text.
    content = f"{name}\0{options.queue}\0{options.priority}\0{len(payload)}\0".encode() + payload + policy
    return NewTask(
        id=options.id or new_id(),
        name=name,
        queue=options.queue,
        priority=options.priority,
        payload=payload,
        policy=policy,
        digest=hashlib.blake2b(content, digest_size=16, person=b"omniq-task").digest(),
        delay=options.delay,
        run_at=options.run_at,
        ttl=options.ttl,
        keep=options.keep,
        unique=None if options.unique_key is None else _unique(project, name, options.unique_key, options),
        tags=options.tags,
    )


def unpack(
    task: ClaimedTask, function: Function, serializer: SerializationManager
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments of a claimed task, checked against the function that will get them.

    Raises:
        Undecodable, CodecRefused: the payload cannot be read here.
        BadArguments: they do not fit the function.
    """
    return function.bind(*serializer.load_arguments(task.payload))


def _unique(project: str, name: str, key: str, options: Enqueue) -> UniqueKey:
    scope = f"{project}\0{name}\0{key}".encode()
    digest = hashlib.blake2b(scope, digest_size=16, person=b"omniq-key").digest()
    return UniqueKey(digest, options.until, options.window)
