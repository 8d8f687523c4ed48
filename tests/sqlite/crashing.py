"""A worker that is killed while it carries out what an ending owes; run by test_follow_ups.py as
`python crashing.py PLACE PIECES PATH`.

PLACE is `before` a transaction of its own, or `inside` it: done, and not yet committed. PIECES are done first.
"""

import os
import signal
import sys
import uuid

from omniq.direct import drive
from omniq.models.states import State
from omniq.testing.kit.words import draft, ending, take
from omniq_sqlite import SQLiteBackend, SQLiteOptions
from omniq_sqlite.tasks import follow_ups

CALLBACKS = tuple(
    draft(id=str(uuid.UUID(int=(0x01900000 << 96) | (0x7000 << 64) | (0x8 << 60) | number)), queue="callbacks")
    for number in range(1500)
)
carry_on = follow_ups.carry_on


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def main(place, pieces, path):
    left = int(pieces)

    def carried(session):
        nonlocal left
        if left == 0 and place == "before":
            die()
        owes = carry_on(session)
        if left == 0:
            die()
        left -= 1
        return owes

    follow_ups.carry_on = carried
    store = SQLiteBackend(SQLiteOptions(path=path)).tasks()
    drive(store.open())
    good, bad = drive(take(store, 2, queues=["parents"])).tasks
    drive(store.settle([ending(good, after=CALLBACKS), ending(bad, State.FAILED)]))


if __name__ == "__main__":
    signal.alarm(60)
    main(*sys.argv[1:])
