"""The log is moved into the file by a thread of its own, by one process at a time."""

import fcntl
import threading

import pytest

from omniq.testing.kit.words import FUSE, draft, enqueue
from omniq_sqlite import checkpoint
from omniq_sqlite.checkpoint import Checkpoints


@pytest.fixture
def done(monkeypatch):
    """Set at the end of each checkpoint; each commit asks for one."""
    monkeypatch.setattr(checkpoint, "LOOK_EVERY", 1)
    monkeypatch.setattr(checkpoint, "PASSIVE_AT", 1)
    monkeypatch.setattr(checkpoint, "APART", 0.0)
    event = threading.Event()
    original = Checkpoints._checkpoint

    def checkpointed(self, *args):
        original(self, *args)
        event.set()

    monkeypatch.setattr(Checkpoints, "_checkpoint", checkpointed)
    return event


async def test_a_long_log_is_moved_into_the_file_while_the_store_is_open(store, path, done):
    before = path.stat().st_size

    await enqueue(store, *[draft(payload=bytes(10_000)) for _ in range(20)])

    assert done.wait(FUSE)
    assert path.stat().st_size > before


async def test_a_log_past_the_mark_is_cut(store, path, done, monkeypatch):
    monkeypatch.setattr(checkpoint, "TRUNCATE_AT", 1)

    await enqueue(store, draft())

    assert done.wait(FUSE)
    assert path.with_name("jobs.db-wal").stat().st_size == 0


async def test_a_checkpoint_of_another_process_is_left_to_it(store, path, done):
    with path.with_name("jobs.db-checkpoint").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        before = path.stat().st_size

        await enqueue(store, *[draft(payload=bytes(10_000)) for _ in range(20)])

        assert done.wait(FUSE)
        assert path.stat().st_size == before


async def test_a_program_that_writes_little_has_no_such_thread(store):
    await enqueue(store, draft())

    assert "omniq-checkpoint" not in {one.name for one in threading.enumerate()}


def test_a_close_that_comes_during_a_checkpoint_ends_the_thread(path, monkeypatch):
    """The mark of the close was once wiped out with that of the checkpoint, and the program never ended."""
    monkeypatch.setattr(checkpoint, "LOOK_EVERY", 1)
    monkeypatch.setattr(checkpoint, "PASSIVE_AT", 0)
    begun, may_end = threading.Event(), threading.Event()

    def long_one(self, *args):
        begun.set()
        assert may_end.wait(FUSE)

    monkeypatch.setattr(Checkpoints, "_checkpoint", long_one)
    checkpoints = Checkpoints(str(path))
    marked = checkpoints._due = _Marks()
    checkpoints.committed()
    assert begun.wait(FUSE)

    closing = threading.Thread(target=checkpoints.close, daemon=True)
    closing.start()
    assert marked.twice.wait(FUSE)
    may_end.set()

    closing.join(FUSE)
    assert not closing.is_alive()


class _Marks(threading.Event):
    """Tells of its second mark: that of the close."""

    def __init__(self):
        super().__init__()
        self.marks, self.twice = 0, threading.Event()

    def set(self):
        super().set()
        self.marks += 1
        if self.marks == 2:
            self.twice.set()


async def test_a_handle_that_is_opened_again_moves_its_log_again(store, path, done):
    await store.close()
    await store.open()

    await enqueue(store, draft())

    assert done.wait(FUSE)
