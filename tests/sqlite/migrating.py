"""A process that opens a file of schema 1; run by test_migrations.py as `python migrating.py STORY PATH [NUMBER]`.

Each story says "ready" when it is about to open, and waits for a line before it does.
"""

import itertools
import os
import signal
import sys

from omniq.direct import drive
from omniq.testing.kit.words import draft, take
from omniq_sqlite import SQLiteBackend, SQLiteOptions, migrations, schema, session


def say(word):
    print(word, flush=True)


def opened(path):
    store = SQLiteBackend(SQLiteOptions(path=path)).tasks()
    say("ready")
    sys.stdin.readline()
    drive(store.open())
    return store


def noted(connection, version):
    """Migrate, and say so."""
    migrations.migrate(connection, version)
    say("migrated")


def works(path):
    """Open it, and do what a worker does."""
    schema.migrate = noted
    store = opened(path)
    task = draft(queue=f"own-{os.getpid()}")
    assert drive(store.enqueue([task])) == []
    [claimed] = drive(take(store, queues=[task.queue])).tasks
    assert claimed.fence.task_id == task.id
    drive(store.close())
    say("done")


def waits(path):
    """Like `works`, with no patience but for a migration; say each time that the lock was met."""
    session.BUSY_LIMIT = 0.0
    pause = session.time.sleep

    def told(seconds):
        say("locked")
        pause(seconds)

    session.time.sleep = told
    works(path)


def dies(path, steps):
    """Be killed after so many steps of the migration, in its transaction."""
    [all_steps] = migrations._STEPS.values()

    def killed(connection, version):
        for statement in itertools.islice(all_steps, int(steps)):
            connection.execute(statement)
        os.kill(os.getpid(), signal.SIGKILL)

    schema.migrate = killed
    opened(path)


def hangs(path):
    """Stay in the middle of the migration until somebody ends this process."""

    def held(connection, version):
        migrations.migrate(connection, version)
        say("inside")
        signal.pause()

    schema.migrate = held
    opened(path)


if __name__ == "__main__":
    signal.alarm(60)
    globals()[sys.argv[1]](*sys.argv[2:])
