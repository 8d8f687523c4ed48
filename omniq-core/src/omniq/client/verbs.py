"""`cancel`, `requeue`, `delete` and `purge`: one spelling for the app and for a queue that stands alone.

Each of the first three takes ids and answers one word an id, or takes a filter and answers counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from omniq.client.acting import Acted, Purged, Verb, act, foretell, purge
from omniq.client.looking import Filter, ids_of
from omniq.errors import InvalidOption
from omniq.models.values import Duration, Micros, check_name, span
from omniq.storage.records import CancelAnswer, DeleteAnswer, RequeueAnswer
from omniq.storage.tasks import BaseTaskQueue

if TYPE_CHECKING:
    from typing import Unpack

    from omniq.client.looking import Which

__all__ = ("AsyncVerbs",)


class AsyncVerbs:
    """What an operator does to tasks of one store."""

    async def _open(self) -> BaseTaskQueue:
        """Give the open store."""
        raise NotImplementedError

    @overload
    async def cancel(self, ids: str | Sequence[str], *, dry_run: bool = False) -> list[CancelAnswer]: ...
    @overload
    async def cancel(self, ids: None = None, *, dry_run: bool = False, **which: Unpack[Which]) -> Acted: ...
    async def cancel(self, ids: Any = None, *, dry_run: bool = False, **which: Any) -> Any:
        """Cancel tasks: at once while they wait, by request while they run.

        Args:
            ids: one or many; answered one word an id, in order.
            which: else `state queue name tag since`, as in `tasks`; answered by counts.
            dry_run: do nothing, and say what would be answered.

        Raises:
            InvalidOption: neither ids nor a filter, both, or a state in which nothing can be cancelled.
        """
        return await self._act(Verb.CANCEL, ids, which, dry_run)

    @overload
    async def requeue(
        self, ids: str | Sequence[str], *, delay: Duration = 0, dry_run: bool = False
    ) -> list[RequeueAnswer]: ...
    @overload
    async def requeue(
        self, ids: None = None, *, delay: Duration = 0, dry_run: bool = False, **which: Unpack[Which]
    ) -> Acted: ...
    async def requeue(self, ids: Any = None, *, delay: Duration = 0, dry_run: bool = False, **which: Any) -> Any:
        """Put tasks that ended badly back to ready, as `cancel` takes and answers them.

        A filter without a state means failed tasks: name cancelled, expired or skipped ones to have them too.
        """
        return await self._act(Verb.REQUEUE, ids, which, dry_run, span(delay, "delay"))

    @overload
    async def delete(self, ids: str | Sequence[str], *, dry_run: bool = False) -> list[DeleteAnswer]: ...
    @overload
    async def delete(self, ids: None = None, *, dry_run: bool = False, **which: Unpack[Which]) -> Acted: ...
    async def delete(self, ids: Any = None, *, dry_run: bool = False, **which: Any) -> Any:
        """Remove finished tasks and their results, as `cancel` takes and answers them."""
        return await self._act(Verb.DELETE, ids, which, dry_run)

    async def purge(self, queue: str, *, dry_run: bool = False) -> Purged:
        """Cancel what waits in a queue and delete what has ended, page by page; what runs goes on."""
        return await purge(await self._open(), check_name("queue", queue), dry_run=dry_run)

    async def _act(self, verb: Verb, ids: Any, which: dict[str, Any], dry_run: bool, delay: Micros = 0) -> Any:
        if ids is None:
            return await act(await self._open(), verb, Filter(**which), delay=delay, dry_run=dry_run)
        if which:
            raise InvalidOption("ids", f"excludes {', '.join(which)}; give ids or a filter")
        listed = ids_of(ids)
        store = await self._open()
        match verb:
            case _ if dry_run:
                return await foretell(store, verb, listed)
            case Verb.CANCEL:
                return await store.cancel(listed)
            case Verb.REQUEUE:
                return await store.requeue(listed, delay=delay)
            case Verb.DELETE:
                return await store.delete(listed)
