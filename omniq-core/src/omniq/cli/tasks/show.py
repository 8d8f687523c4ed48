"""`omniq tasks show`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from omniq import AsyncOmniQ
from omniq.cli.chosen import Chosen, common
from omniq.cli.output import show_record
from omniq.errors import TaskNotFound
from omniq.storage.records import TaskRecord

__all__ = ("command",)


@click.command("show")
@click.argument("id")
@click.option("--show-args", is_flag=True, help="Show arguments and result too; they may hold secrets.")
@common
def command(chosen: Chosen, id: str, show_args: bool) -> None:  # noqa: A002 - the argument's name in the usage
    """Show one task; of a failed one the error with its traceback."""

    async def work(app: AsyncOmniQ[Any]) -> dict[str, Any]:
        task = await app.get_task(id)
        if task is None:
            raise TaskNotFound(id)
        record = msgspec.structs.asdict(task)
        ended = await app.get_result(id) if task.state.terminal else None
        if ended is not None and ended.error is not None:
            record["error"] = ended.error.traceback.rstrip() or ": ".join(
                filter(None, (ended.error.type, ended.error.message))
            )
        if show_args:
            record |= await _contents(app, id)
        return record

    show_record(chosen.run(work), chosen.format)


async def _contents(app: AsyncOmniQ[Any], id_: str) -> dict[str, Any]:
    """Give arguments and result as data: no codec that could run code, and no user type, is touched."""
    records: Sequence[TaskRecord | None] = await app.queue.store.get([id_], payload=True, result=True)
    record = records[0]
    if record is None:
        raise TaskNotFound(id_)
    return {"arguments": _as_data(record.payload), "result": _as_data(record.result)}


def _as_data(blob: bytes | None) -> Any:
    if not blob:
        return None
    for start in (0, 1):  # the codec's id may stand in front
        try:
            return msgspec.msgpack.decode(blob[start:], ext_hook=lambda code, raw: f"<ext {code}, {len(raw)} bytes>")
        except (msgspec.DecodeError, ValueError):
            continue
    return f"<{len(blob)} bytes that are no plain data>"
