"""Parents and children: who waits for whom, and who is still needed.

An edge lives until the child is terminal, since a running child reads the results of its parents. What is
still missing is noted on the child alone.

Invariant: `children[p]` has exactly the live tasks that name `p` as a parent.
"""

from __future__ import annotations

from omniq.storage.model.record import Record

__all__ = ("Edges",)


class Edges:
    """The live children of every task, by the parent's id."""

    __slots__ = ("children",)

    def __init__(self) -> None:
        self.children: dict[str, dict[str, Record]] = {}

    def add(self, child: Record) -> None:
        """Note a live child with all its parents."""
        for parent in child.task.parents:
            self.children.setdefault(parent, {})[child.task.id] = child

    def drop(self, child: Record) -> list[str]:
        """Forget a child that has ended; give the parents that nobody needs any more."""
        freed = []
        for parent in child.task.parents:
            children = self.children.get(parent)
            if children is None:
                continue  # named twice
            children.pop(child.task.id, None)
            if not children:
                del self.children[parent]
                freed.append(parent)
        return freed

    def needed(self, parent: str) -> bool:
        """Say whether a live child names this task."""
        return parent in self.children

    def open(self, parent: str) -> list[Record]:
        """Give the children that miss this parent, oldest first."""
        children = self.children.get(parent)
        if not children:
            return []
        return [child for child in children.values() if child.missing and parent in child.missing]
