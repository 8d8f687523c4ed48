"""Unique keys on a store that changes one record at a time (SPEC 6: a key is held by what its record names).

    t.<id>     the task: state and epoch; `reserved` is written, and not yet known to hold its key
    u.<key>    who holds it, at which epoch

Nothing frees a key: it is held iff the task that its record names is in a holding state at that epoch. Enqueue
writes the task as reserved, takes the key by create or by replacing a record that is not held, then makes the task
ready. Whoever meets a holder that is still reserved helps it on, since its producer may have died; the loser removes
its own task. A requeue is the same walk from an ended task. The key's record is written anew by everybody who relies
on it, so that of two who judged the same record one misses its version.

`Protocol` has the switches that break it, one a rule; all off is the protocol.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

from explorer import Create, Drop, Get, Swap

__all__ = ("HOLDING", "KEY", "Named", "Protocol", "Task")

Steps: TypeAlias = Generator[Any, Any, Any]

HOLDING = {"terminal": frozenset({"reserved", "ready", "running"}), "started": frozenset({"reserved", "ready"})}
KEY = "u.k"


class Task(NamedTuple):
    state: str
    epoch: int = 0


class Named(NamedTuple):
    """Who a key's record names."""

    task: str
    epoch: int


class Protocol(NamedTuple):
    """The rules, each with a switch that breaks it. `until` is what the key is held for."""

    until: str = "terminal"
    ready_at_once: bool = False
    """Write the task as ready before it has its key."""
    takes_without_version: bool = False
    """Replace a record that is not held, whatever it has become meanwhile."""
    ignores_the_epoch: bool = False
    keeps_its_old_record: bool = False
    """A requeue that finds itself named does not write the key's record anew."""
    helps_without_writing: bool = False
    """Help a reserved holder on without writing its key's record anew."""
    never_helps: bool = False

    def enqueue(self, task: str) -> Steps:
        """Write a task with the key; answer "created", "known", or the id of the holder."""
        first = "ready" if self.ready_at_once else "reserved"
        if not (yield Create(f"t.{task}", Task(first))):
            return "known"
        holder = yield from self.take(Named(task, 0))
        if holder is not None:
            found = yield Get(f"t.{task}")
            if found is None or (found[0] == Task(first) and (yield Drop(f"t.{task}", found[1]))):
                return holder
            return "created"  # somebody helped it on, and it has run and lost its key since
        yield from self.advance(Named(task, 0))
        return "created"

    def requeue(self, task: str) -> Steps:
        """Put a failed task back; answer "requeued", "live", or the id of the holder."""
        found = yield Get(f"t.{task}")
        if found is None or found[0].state != "failed":
            return "live"
        old, me = found[0], Named(task, found[0].epoch + 1)
        if not (version := (yield Swap(f"t.{task}", found[1], Task("reserved", me.epoch)))):
            return "live"
        holder = yield from self.take(me)
        if holder is not None and (yield Swap(f"t.{task}", version, old)):
            return holder
        yield from self.advance(me)
        return "requeued"

    def take(self, me: Named) -> Steps:
        """Get the key's record to name me; answer who holds it instead, or None."""
        while True:
            found = yield Get(KEY)
            if found is None:
                if (yield Create(KEY, me)):
                    return None
                continue
            named, version = found
            if named.task == me.task and self.keeps_its_old_record:
                return None
            if named.task != me.task and (yield from self.is_held(named)):
                if not self.never_helps and not (yield from self.help(named, version)):
                    continue
                return named.task
            if self.takes_without_version:
                version = (yield Get(KEY))[1]
            if (yield Swap(KEY, version, me)):
                return None

    def is_held(self, named: Named) -> Steps:
        found = yield Get(f"t.{named.task}")
        if found is None or found[0].state not in HOLDING[self.until]:
            return False
        return self.ignores_the_epoch or found[0].epoch == named.epoch

    def help(self, named: Named, version: int) -> Steps:
        """Take a holder on that is still reserved; answer False where its key went to another meanwhile."""
        found = yield Get(f"t.{named.task}")
        if found is not None and found[0] == Task("reserved", named.epoch):
            if not self.helps_without_writing and not (yield Swap(KEY, version, named)):
                return False
            yield Swap(f"t.{named.task}", found[1], Task("ready", named.epoch))
        return True

    def advance(self, me: Named) -> Steps:
        """Make a reserved task ready, unless somebody did."""
        found = yield Get(f"t.{me.task}")
        if found is not None and found[0] == Task("reserved", me.epoch):
            yield Swap(f"t.{me.task}", found[1], Task("ready", me.epoch))

    def change(self, task: str, source: str, to: str) -> Steps:
        """Claim or settle: one step from one state to another, epoch kept."""
        found = yield Get(f"t.{task}")
        if found is not None and found[0].state == source:
            return bool((yield Swap(f"t.{task}", found[1], found[0]._replace(state=to))))
        return False

    def purge(self, task: str) -> Steps:
        """Remove an ended task; its key's record goes on naming it."""
        found = yield Get(f"t.{task}")
        if found is not None and found[0].state in ("failed", "succeeded"):
            yield Drop(f"t.{task}", found[1])
