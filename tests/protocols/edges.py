"""Parents and children on a store that changes one record at a time.

    t.<id>              the task: state, parents, and the mark `owes` of an end that is not carried out yet
    edge.<child>.<p>    the child misses this parent, or has met it; there until the child has ended
    kids.<p>.<child>    the parent must tell this child; while it stands, the parent is not purged

Register: the child (waiting), all `edge` records, all `kids` records, then look at each parent again; one that has
ended is written back unchanged, so that a purge which had seen no kids misses its version. Deliver: the edge becomes
met; when none is missing, release the child; remove `kids` last. The mark is written in the step that ends the
parent and cleared when all kids were told.

`Protocol` has the switches that break it, one a rule; all off is the protocol.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

from explorer import Blind, Create, Drop, Get, Keys, Swap, There

__all__ = ("ENDED", "Protocol", "Task")

Steps: TypeAlias = Generator[Any, Any, Any]

MISSING, MET = "missing", "met"
ENDED = frozenset({"succeeded", "failed", "skipped"})


class Task(NamedTuple):
    state: str
    parents: tuple[str, ...] = ()
    owes: bool = False


class Protocol(NamedTuple):
    """The rules, each with a switch that breaks it."""

    kids_removed_first: bool = False
    pair_by_pair: bool = False
    """Write edge and kids of one parent before those of the next."""
    never_looks_again: bool = False
    purges_without_looking: bool = False
    forgets_the_mark: bool = False
    never_touches: bool = False
    """Believe what was read of an ended parent without writing it back, while a purge that saw no kids goes on."""
    removes_edges: bool = False
    """Remove an edge when its parent has ended, not when its child has."""
    releases_at_once: bool = False
    """Release the child at the first parent's end, without asking what else is open."""

    def register(self, child: str, parents: tuple[str, ...]) -> Steps:
        """Enqueue a child; answer "waiting", or "refused" for an unknown parent."""
        for parent in parents:
            if not (yield There(f"t.{parent}")):
                return "refused"
        yield Blind(Create(f"t.{child}", Task("waiting", parents)))
        return "waiting" if (yield from self.connect(child, parents)) else "refused"

    def connect(self, child: str, parents: tuple[str, ...]) -> Steps:
        """Write the edges of a waiting child and look at its parents again; may be repeated by anybody.

        Answers whether all parents were there.
        """
        pairs = [(Create(f"edge.{child}.{p}", MISSING), Create(f"kids.{p}.{child}", True)) for p in parents]
        if self.pair_by_pair:
            order = [one for pair in pairs for one in pair]
        else:
            order = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
        for step in order:
            yield Blind(step)
        if self.never_looks_again:
            return True
        all_there = True
        for parent in parents:
            found = yield Get(f"t.{parent}")
            while found is not None and found[0].state in ENDED and not self.never_touches:
                if (yield Swap(f"t.{parent}", found[1], found[0])):
                    break
                found = yield Get(f"t.{parent}")
            if found is None and (yield Keys(f"edge.{child}.{parent}", MET)):
                yield from self.tell(parent, child, "succeeded")  # somebody told it before the parent was purged
            elif found is None:  # purged before the kids were written: nobody will ever say how it ended
                yield from self.tell(parent, child, "failed")
                all_there = False
            elif found[0].state in ENDED:
                yield from self.tell(parent, child, found[0].state)
        return all_there

    def end(self, parent: str, state: str) -> Steps:
        """Settle a running task and carry out what follows."""
        found = yield Get(f"t.{parent}")
        if found is None or found[0].state != "running":
            return "lost"
        task = found[0]._replace(state=state, owes=not self.forgets_the_mark)
        if not (version := (yield Swap(f"t.{parent}", found[1], task))):
            return "lost"
        yield from self.carry_out(parent, task, version)
        return state

    def carry_out(self, parent: str, task: Task, version: int) -> Steps:
        """Tell the kids of an ended parent and clear its mark; the settler does it, and any sweep after a crash."""
        for key in (yield Keys(f"kids.{parent}.")):
            yield from self.tell(parent, key.rsplit(".", 1)[1], task.state)
        if task.owes:
            yield Blind(Swap(f"t.{parent}", version, task._replace(owes=False)))

    def tell(self, parent: str, child: str, state: str) -> Steps:
        """Let one child know how one parent ended; idempotent."""
        kids = Blind(Drop(f"kids.{parent}.{child}"))
        if self.kids_removed_first:
            yield kids
        if state == "succeeded":
            yield from self.meet(child, parent)
            if self.releases_at_once or not (yield Keys(f"edge.{child}.", MISSING)):
                yield from self.move(child, "ready")
        else:
            yield from self.move(child, "skipped")
        if not self.kids_removed_first:
            yield kids

    def meet(self, child: str, parent: str) -> Steps:
        """Clear what the edge misses; it stays, so that nobody who registers late can write it as missing again."""
        edge = f"edge.{child}.{parent}"
        if self.removes_edges:
            yield Blind(Drop(edge))
        elif (found := (yield Get(edge))) is not None and found[0] == MISSING:
            yield Blind(Swap(edge, found[1], MET))

    def move(self, child: str, to: str) -> Steps:
        """Take a waiting child on; whoever comes second changes nothing."""
        found = yield Get(f"t.{child}")
        if found is not None and found[0].state == "waiting":
            yield Blind(Swap(f"t.{child}", found[1], found[0]._replace(state=to)))

    def requeue(self, task: str) -> Steps:
        """Put a task that failed back to running (its claim is left out), the mark kept for nobody."""
        found = yield Get(f"t.{task}")
        if found is None or found[0].state != "failed":
            return "live"
        return "requeued" if (yield Swap(f"t.{task}", found[1], Task("running", found[0].parents))) else "live"

    def purge(self, task: str) -> Steps:
        """Remove an ended task that owes nothing and that no kid names."""
        found = yield Get(f"t.{task}")
        if found is None or found[0].state not in ENDED or found[0].owes:
            return "kept"
        if not self.purges_without_looking and (yield Keys(f"kids.{task}.")):
            return "kept"
        return "purged" if (yield Drop(f"t.{task}", found[1])) else "kept"

    def sweep(self, tasks: tuple[str, ...]) -> Steps:
        """Carry out what marked tasks owe."""
        for task in tasks:
            found = yield Get(f"t.{task}")
            if found is not None and found[0].owes:
                yield from self.carry_out(task, *found)

    def look_again(self, child: str) -> Steps:
        """What `sweep` does for a task that has been waiting for long: its registrar may have died."""
        found = yield Get(f"t.{child}")
        if found is not None and found[0].state == "waiting":
            yield from self.connect(child, found[0].parents)
