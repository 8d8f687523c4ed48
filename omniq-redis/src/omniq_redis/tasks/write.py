"""Enqueue: tasks as arguments of the script, in calls of a bounded size, and its answers as records.

What is the same for the tasks of one declaration (queue, priority, keep) is packed once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from omniq.models.states import State, Until
from omniq.models.values import Micros
from omniq.storage.records import EnqueueAnswer, NewTask, Refusal
from omniq_redis.client import Client
from omniq_redis.scripts import script
from omniq_redis.tasks.layout import ON_PARENT, UNIQUE, envelope_of, id_bytes, id_text, is_id, mixed, size_of_tags

__all__ = ("BATCH", "check", "check_time", "enqueue", "packed")

BATCH = 500
"""Tasks of one script call: it holds the server for about 3 ms."""
EDGES = 5_000
"""Parents that the tasks of one script call may name, unless it is one task."""
BYTES = 256 << 20
"""Bytes of one script call; a server takes 1 GiB in one request."""

LATEST: Micros = 1 << 52
"""The farthest time and the longest span: the sum of two is still an exact number in Lua."""
LONGEST_QUEUE = 122
"""Bytes of a queue's name: with what stands before it and a unique key it ends within one byte's count."""

_EXTRA = Struct(">BQQQQB")
_MIDDLE = Struct(">BBQQHB")
_SIZES = tuple(bytes((size,)) for size in range(17))
_UNTIL = {Until.TERMINAL: b"t", Until.STARTED: b"s", Until.WINDOW: b"w"}


def check(tasks: Sequence[NewTask]) -> None:
    """Refuse what no caller may send, before anything is written.

    Raises:
        ValueError: a priority, an id, a digest, a key, a text or a time that the layout cannot hold.
    """
    for task in tasks:
        if not 0 <= task.priority <= 9:
            raise ValueError(f"priority {task.priority} of task {task.id}: it must be 0 to 9")
        if not is_id(task.id):
            raise ValueError(f"task id {task.id!r} is no UUID in its canonical form")
        if len(task.digest) > 16:
            raise ValueError(f"the digest of task {task.id} has {len(task.digest)} bytes, at most 16 are allowed")
        if len(task.queue) > 30:
            _check_size(task, "queue", len(task.queue.encode()), LONGEST_QUEUE)
        if len(task.name) > 1000:
            _check_size(task, "name", len(task.name.encode()), 65_535)
        if task.tags:
            _check_size(task, "tags", size_of_tags(task.tags), 65_535)
        check_time("delay", task.delay)
        check_time("keep", task.keep)
        if task.ttl is not None:
            check_time("ttl", task.ttl)
        for name, when in (
            ("run_at", task.run_at),
            ("expires_at", task.expires_at),
            ("insert_before", task.insert_before),
        ):
            if when is not None and when > LATEST:
                check_time(name, when)
        if task.unique is not None:
            if len(task.unique.digest) != 16:
                raise ValueError(f"the unique key of task {task.id} has {len(task.unique.digest)} bytes, not 16")
            check_time("window", task.unique.window)


def check_time(name: str, micros: Micros) -> None:
    """Refuse what a script cannot count with.

    Raises:
        ValueError: it is negative or beyond the exact numbers of Lua.
    """
    if not 0 <= micros <= LATEST:
        raise ValueError(f"a {name} of {micros} µs: it must be 0 to {LATEST}")


def _check_size(task: NewTask, what: str, size: int, most: int) -> None:
    if size > most:
        verb = "take" if what.endswith("s") else "takes"
        raise ValueError(f"the {what} of task {task.id} {verb} {size} bytes, at most {most} are allowed")


async def enqueue(client: Client, now: bytes, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
    """Create tasks; answer those that were not created.

    Of a large call the next part is packed while the server works on the one before, unless a task has parents: its
    part must know what was refused before it.
    """
    if len(tasks) > BATCH and not any(task.parents for task in tasks):
        return await _overlapping(client, now, tasks)
    answers: list[EnqueueAnswer] = []
    for start, args in _calls(tasks):
        refused = b"".join(id_bytes(one.id) for one in answers if one.what is not Refusal.KNOWN) if start else b""
        reply = await client.run(script("enqueue"), now, refused, *args)
        if reply:
            answers += _answers(tasks, start, reply)
    return answers


async def _overlapping(client: Client, now: bytes, tasks: Sequence[NewTask]) -> list[EnqueueAnswer]:
    answers: list[EnqueueAnswer] = []
    loop = asyncio.get_running_loop()
    sent: asyncio.Task[Any] | None = None
    try:
        begun = 0
        for start, args in _calls(tasks):
            following = loop.create_task(client.run(script("enqueue"), now, b"", *args))
            following.add_done_callback(_seen)
            before, sent = sent, following
            await asyncio.sleep(0)  # now it is on its way, behind the one before
            if before is not None and (reply := await before):
                answers += _answers(tasks, begun, reply)
            begun = start
        if sent is not None and (reply := await sent):
            answers += _answers(tasks, begun, reply)
    finally:
        if sent is not None:
            sent.cancel()
    return answers


def _seen(task: asyncio.Task[Any]) -> None:
    """Where one part fails, nobody asks what became of the one behind it."""
    if not task.cancelled():
        task.exception()


def packed(task: NewTask) -> tuple[bytes, bytes, bytes, bytes]:
    """Give the four arguments of one task: id, extra, suffix, envelope."""
    before, queue = _fixed(task.priority, task.queue, task.keep, task.ttl)
    raw, digest = id_bytes(task.id), task.digest
    suffix = b"".join((before, _SIZES[len(digest)], mixed(digest.ljust(16, b"\0"), raw), queue))
    extra = b""
    if (
        task.unique is not None
        or task.parents
        or task.delay
        or task.run_at is not None
        or task.ttl is not None
        or task.expires_at is not None
        or task.insert_before is not None
        or task.on_parent.value != "skip"
    ):
        extra = _extra(task)
        if task.unique is not None:
            suffix += task.unique.digest + _UNTIL[task.unique.until]
            suffix = suffix[:1] + bytes((suffix[1] + 17,)) + suffix[2:]
    return raw, extra, suffix, envelope_of(task, raw)


@lru_cache(maxsize=1024)
def _fixed(priority: int, queue: str, keep: Micros, ttl: Micros | None) -> tuple[bytes, bytes]:
    """Give what stands before and behind the digest; most programs have a few of these in all."""
    name = queue.encode()
    before = _MIDDLE.pack(9 - priority, 116 + len(name), keep, 0 if ttl is None else ttl + 1, 0, 0)
    return before, bytes((len(name),)) + name


def _extra(task: NewTask) -> bytes:
    unique = task.unique
    flags = ON_PARENT[task.on_parent] | (UNIQUE if unique is not None else 0)
    kinds, run, expires = 0, task.delay, 0
    if task.run_at is not None:
        kinds, run = 1, max(task.run_at, 0)
    if task.ttl is not None:
        kinds, expires, flags = kinds | 2, task.ttl, flags | 1
    elif task.expires_at is not None:
        kinds, expires, flags = kinds | 6, max(task.expires_at, 0), flags | 1
    # 0 stands for no bound, and before the epoch everything was late already
    before = 0 if task.insert_before is None else max(task.insert_before, 1)
    window = unique.window if unique is not None and unique.until is Until.WINDOW else 0
    return _EXTRA.pack(flags, run, expires, before, window, kinds) + b"".join(map(id_bytes, task.parents))


def _calls(tasks: Sequence[NewTask]) -> Iterator[tuple[int, list[bytes]]]:
    """Cut a call into those of the script: where each starts, and its arguments."""
    args: list[bytes] = []
    start = size = edges = 0
    for at, task in enumerate(tasks):
        edges += len(task.parents)
        if args and (at - start == BATCH or size + len(task.payload) > BYTES or edges > EDGES):
            yield start, args
            args, start, size, edges = [], at, 0, len(task.parents)
        args += packed(task)
        size += len(task.payload)
    yield start, args


def _answers(tasks: Sequence[NewTask], start: int, reply: list[Any]) -> Iterator[EnqueueAnswer]:
    for at in range(0, len(reply), 3):
        index, what, detail = start + reply[at], Refusal(reply[at + 1].decode()), reply[at + 2]
        holder = id_text(detail) if what in (Refusal.UNIQUE, Refusal.PARENT) else None
        state = State.of(int(detail)) if what is Refusal.KNOWN else None
        yield EnqueueAnswer(index=index, id=tasks[index].id, what=what, state=state, holder=holder)
