"""What a worker is asked to be: judged at the call, wherever the word comes from."""

import pytest

from omniq import AsyncOmniQ, OmniQ
from omniq.errors import BackendNotFound, InvalidName, InvalidOption, OmniQError
from omniq.models.config import MIN_LEASE

WRONG = {
    "concurrency none": ({"concurrency": 0}, InvalidOption, "0 is not a whole number from 1"),
    "concurrency negative": ({"concurrency": -1}, InvalidOption, "-1 is not a whole number from 1"),
    "concurrency text": ({"concurrency": "5"}, InvalidOption, "'5' is not a whole number"),
    "concurrency true": ({"concurrency": True}, InvalidOption, "True is not a whole number"),
    "lease none": ({"lease": 0}, InvalidOption, "0 µs is too short to renew; the least is 100 ms"),
    "lease short": ({"lease": "99ms"}, InvalidOption, "99 ms is too short"),
    "lease text": ({"lease": "soon"}, InvalidOption, "'soon' is no duration"),
    "no queues": ({"queues": []}, InvalidOption, "names none; write a list of names, or leave it out"),
    "no mapping": ({"queues": {}}, InvalidOption, "names none"),
    "number": ({"queues": 5}, InvalidOption, "5 names none"),
    "queue number": ({"queues": [5]}, InvalidName, "queue name '5'"),
    "two in a text": ({"queues": "a,b"}, InvalidName, "queue name 'a,b'"),
    "kind": ({"kind": "nope"}, BackendNotFound, "no worker kind 'nope'"),
    "kind of a queue": ({"queues": {"images": "nope"}}, BackendNotFound, "no worker kind 'nope'"),
    "kind number": ({"kind": 5}, InvalidOption, "5 is no name of a worker kind"),
    "grace": ({"shutdown_grace": -1}, InvalidOption, "negative"),
}


@pytest.mark.parametrize(("asked", "error", "text"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("face", [AsyncOmniQ, OmniQ])
def test_a_worker_that_could_not_work_is_refused_at_the_call(face, asked, error, text):
    assert issubclass(error, OmniQError)
    with pytest.raises(error, match=text):
        face("memory://").worker(**asked)


def test_a_text_is_one_queue_and_the_least_lease_is_taken():
    settings = AsyncOmniQ("memory://").worker(queues="images", lease=MIN_LEASE / 1_000_000, concurrency=1).settings

    assert [(one.queues, one.lease, one.concurrency) for one in settings] == [(("images",), MIN_LEASE, 1)]


def test_a_lease_of_the_environment_is_held_to_the_same_least(monkeypatch):
    monkeypatch.setenv("OMNIQ_WORKER__LEASE", "1ms")

    with pytest.raises(InvalidOption, match="1 ms is too short"):
        AsyncOmniQ("memory://").worker()
