import pytest

from omniq.errors import InvalidOption
from omniq.models.url import looks_like_url, mask, parse_url


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///jobs.db", "jobs.db"),
        ("sqlite:////srv/jobs.db", "/srv/jobs.db"),
        ("sqlite:///a%20b.db", "a b.db"),
        ("sqlite:jobs.db", "jobs.db"),
        ("file:jobs", "jobs"),
        ("file:/srv/jobs", "/srv/jobs"),
        ("redis://host/0", "0"),
        ("s3://Bucket/jobs", "jobs"),
        ("memory://", ""),
        ("memory:", ""),
    ],
)
def test_the_path_is_what_follows_the_host_less_one_slash(text, path):
    assert parse_url(text).path == path


def test_every_part_is_decoded_and_absent_parts_are_not_said():
    url = parse_url("Redis://me:p%40ss@Cache:6380/1?tls=yes&name=")

    assert url.scheme == "redis"
    assert url.parts() == {
        "host": "Cache",
        "port": 6380,
        "user": "me",
        "password": "p@ss",
        "path": "1",
        "tls": "yes",
        "name": "",
    }
    assert parse_url("memory://").parts() == {}


def test_a_bracketed_host_loses_its_brackets():
    assert parse_url("redis://[::1]:6379/0").parts() == {"host": "::1", "port": 6379, "path": "0"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:secret@host/0", "redis://:***@host/0"),
        ("postgresql://me:se:c@ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?user=me&password=***"),
        ("s3://bucket/jobs?aws_secret_access_key=abc&region=eu", "s3://bucket/jobs?aws_secret_access_key=***&region=eu"),
        ("redis://me@host/0", "redis://me@host/0"),
        ("sqlite:///jobs.db", "sqlite:///jobs.db"),
    ],
)  # fmt: skip
def test_a_password_is_never_shown(text, shown):
    assert mask(text) == shown
    assert shown in repr(parse_url(text))
    assert str(parse_url(text)) == shown


@pytest.mark.parametrize("text", ["redis://me:secret@host:port/0", "redis://me:secret@[::1/0", "x?password=secret"])
def test_an_error_does_not_show_the_password(text):
    with pytest.raises(InvalidOption) as caught:
        parse_url(text)

    assert "secret" not in str(caught.value)


def test_a_password_with_a_slash_is_not_shown_in_the_error():
    with pytest.raises(InvalidOption) as caught:
        parse_url("redis://me:sec/ret@host/0")

    assert "sec" not in str(caught.value)
    assert "ret" not in str(caught.value)


def test_an_option_given_twice_is_refused():
    with pytest.raises(InvalidOption, match="option 'pages': given twice"):
        parse_url("sqlite:///jobs.db?pages=1&pages=2")


def test_a_name_is_no_url():
    assert not looks_like_url("sqlite")
    assert looks_like_url("sqlite:///jobs.db")
