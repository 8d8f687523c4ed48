"""What a URL selects, and what a person is shown of it."""

import subprocess
import sys

import pytest

from omniq.errors import BackendNotFound, InvalidOption
from omniq.plugins.registry import Registry
from omniq_redis.options import RedisOptions


def place(url, **options):
    return RedisOptions(url=url, **options).place()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://me:secret@cache:7000/3", "redis://me:***@cache:7000/3"),
        ("rediss://:secret@cache", "rediss://:***@cache:6379/0"),
        ("redis+cluster://node:7000", "redis+cluster://node:7000"),
        ("rediss+cluster://node", "rediss+cluster://node:6379"),
        ("redis+unix:///run/redis.sock?database=2", "redis+unix:///run/redis.sock?database=2"),
        ("redis://[::1]:7000/0", "redis://[::1]:7000/0"),
    ],
)
def test_a_url_selects_redis_and_is_shown_without_its_password(url, shown):
    backend = Registry().backend(url, project="shop")

    assert backend.tasks().describe() == shown
    assert backend.results().describe() == shown
    assert "secret" not in repr(backend.options)
    assert "secret" not in repr(backend.options.place())


def test_what_is_said_apart_from_the_url_wins():
    found = place("redis://cache/1", host="other", port=7000, password="secret", path="2")

    assert (found.host, found.port, found.password, found.database) == ("other", 7000, "secret", 2)


def test_the_query_of_a_url_counts_in_options_made_in_code_too():
    assert RedisOptions(url="redis://cache/1?timeout=0.5").timeout == 0.5
    assert RedisOptions(url="rediss://cache?verify=false").verify is False
    assert RedisOptions(url="redis://cache?timeout=0.5", timeout=2).timeout == 2
    with pytest.raises(InvalidOption, match=r"option 'tiemout': the URL has it; the options are host, port"):
        RedisOptions(url="redis://:secret@cache?tiemout=1")
    with pytest.raises(InvalidOption) as misspelt:
        RedisOptions(url="redis://cache?passwort=secret")
    assert "secret" not in str(misspelt.value)
    with pytest.raises(InvalidOption, match="option 'timeout': Expected `float`"):
        RedisOptions(url="redis://cache?timeout=soon")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://cache/jobs", "the database is a number"),
        ("redis+cluster://node/3", "a cluster has the database 0 only"),
        ("redis://cache?timeout=0", "write seconds, more than 0"),
        ("redis://cache?tiemout=1", "did you mean 'timeout'"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(url, text):
    with pytest.raises(InvalidOption, match=text):
        Registry().backend(url, project="shop").tasks()


def test_a_slip_in_the_scheme_is_guessed():
    with pytest.raises(BackendNotFound, match=r"did you mean 'rediss?'\?"):
        Registry().backend("reddis://cache/0", project="shop")


def test_selecting_imports_the_driver_and_finding_does_not():
    script = "import sys; from omniq.plugins.registry import registry; registry.provider('redis://host/0'); "
    script += "print('redis' in sys.modules, 'hiredis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
