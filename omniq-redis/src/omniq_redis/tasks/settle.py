"""Extend and settle: what a holder says of its tasks, each checked by its whole fence in the script."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

from omniq.models.states import Counter, Reason, State
from omniq.models.values import Micros
from omniq.storage.records import ExtendAnswer, Hold, SettleAnswer, Settlement, Trouble
from omniq_redis.client import Client
from omniq_redis.scripts import script
from omniq_redis.tasks.layout import fence_bytes
from omniq_redis.tasks.write import BATCH, check, check_time, packed

__all__ = ("check_settlements", "extend", "resolve", "settle")

_SETTLED = frozenset({State.SUCCEEDED, State.FAILED, State.READY, State.CANCELLED})
_COUNTERS = {counter: b"%d" % place for place, counter in enumerate(Counter)}
_REASONS = {reason: number for number, reason in enumerate(Reason, 1)}
_REST = Struct(">BBQQHI")


def check_settlements(settlements: Sequence[Settlement]) -> None:
    """Refuse what makes no sense, before anything is written.

    Raises:
        ValueError: a state that no settlement can ask for, a time out of bounds, or a follow-up that cannot be written.
    """
    for one in settlements:
        if one.to not in _SETTLED:
            raise ValueError(f"a settlement cannot ask for {one.to}")
        if one.delay is not None:
            check_time("delay", one.delay)
        if one.keep is not None:
            check_time("keep", one.keep)
        if one.after:
            check(one.after)


async def extend(client: Client, now: bytes, holds: Sequence[Hold], lease: Micros) -> list[ExtendAnswer]:
    """Renew leases; answer what is lost or to be cancelled."""
    answers: list[ExtendAnswer] = []
    for start in range(0, len(holds), BATCH):
        part = holds[start : start + BATCH]
        args: list[bytes] = []
        for hold in part:
            fence = fence_bytes(hold.fence)
            args += (fence, b"") if hold.note is None else (fence + b"n", hold.note)
        reply = await client.run(script("extend"), now, lease, *args)
        for at in range(0, len(reply), 2):
            answers.append(ExtendAnswer(part[reply[at]].fence.task_id, Trouble(reply[at + 1].decode())))
    return answers


async def settle(client: Client, now: bytes, settlements: Sequence[Settlement]) -> list[SettleAnswer]:
    """Write how attempts ended; answer those that did not go as asked, in input order."""
    answers: list[SettleAnswer] = []
    for start in range(0, len(settlements), BATCH):
        part = settlements[start : start + BATCH]
        reply = await client.run(script("settle"), now, len(part), *_args(part))
        if not reply:
            continue
        for at in range(1, len(reply), 2):
            answers.append(SettleAnswer(part[reply[at]].fence.task_id, Trouble(reply[at + 1].decode())))
        if reply[0]:
            await resolve(client, now)
    return answers


async def resolve(client: Client, now: bytes) -> None:
    """Tell the children that one call had no room for. Any worker's sweep would go on, were this one to die."""
    while await client.run(script("resolve"), now):
        pass


def _args(settlements: Sequence[Settlement]) -> list[bytes]:
    args: list[bytes] = []
    following: list[bytes] = []
    first = 3 + 2 * len(settlements)
    for one in settlements:
        fence = fence_bytes(one.fence)
        result = one.result
        if (
            one.to is State.SUCCEEDED
            and one.keep is None
            and one.error is None
            and one.note is None
            and one.count is None
            and one.reason is None
            and not one.after
        ):
            args += (fence + b"N", b"") if result is None else (fence + b"S", result)
            continue
        at = first + len(following)
        for task in one.after:
            following += packed(task)
        args += _written_out(one, fence, at)
    return args + following


def _written_out(one: Settlement, fence: bytes, at: int) -> tuple[bytes, bytes]:
    fields = 0
    data: list[Any] = []
    for bit, piece in ((4, one.result), (8, one.error), (16, one.note)):
        if piece is not None:
            fields |= bit
            data += (len(piece).to_bytes(4, "big"), piece)
    if one.delay is not None:
        fields |= 1
    if one.keep is not None:
        fields |= 2
    counter = b"-" if one.count is None else _COUNTERS[one.count]
    reason = 0 if one.reason is None else _REASONS[one.reason]
    rest = _REST.pack(reason, fields, one.delay or 0, one.keep or 0, len(one.after), at)
    return b"%bX%d%b%b" % (fence, one.to.code, counter, rest), b"".join(data)
