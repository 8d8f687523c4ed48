"""Takes finished tasks out of the file, with all that stands beside them."""

from __future__ import annotations

from collections.abc import Sequence

from omniq_sqlite.session import Session
from omniq_sqlite.tasks.rows import encode

__all__ = ("remove",)


def remove(session: Session, seqs: Sequence[int]) -> None:
    """Remove these rows; the caller has seen that nobody needs them."""
    which = encode(list(seqs))
    session.change("delete from big where seq in (select value from json_each(?))", (which,))
    # A worker of the version before left the edges of what it ended; the number may be given again.
    session.change("delete from edge where child in (select value from json_each(?))", (which,))
    session.change("delete from task where seq in (select value from json_each(?))", (which,))
