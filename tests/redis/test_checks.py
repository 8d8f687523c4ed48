"""What is said about a server before it hurts."""

import pytest

from omniq_redis.checks import findings, is_too_old, parse_info

GOOD = {"redis_version": "7.4.1", "aof_enabled": "1", "used_memory": "1048576", "maxmemory": "0"}
CONFIG = {"maxmemory-policy": "noeviction", "save": "", "appendonly": "yes", "appendfsync": "everysec"}


def judged(info=(), config=()):
    found = findings({**GOOD, **dict(info)}, {**CONFIG, **dict(config)}, "redis://me:***@cache:6379/0")
    return {one.name: one for one in found}


def test_a_good_server_has_no_bad_finding():
    assert [one.name for one in judged().values() if not one.ok] == []


@pytest.mark.parametrize(
    ("info", "config", "name", "text", "advice"),
    [
        ({"redis_version": "6.0.16"}, {}, "version", "is Redis 6.0.16, too old", "6.2 or newer"),
        ({}, {"maxmemory-policy": "allkeys-lru"}, "eviction", "policy allkeys-lru", "maxmemory-policy noeviction"),
        ({"aof_enabled": "0"}, {"appendonly": "no"}, "persistence", "keeps nothing on disk", "appendonly yes"),
        ({"aof_enabled": "0"}, {"appendonly": "no", "save": "60 1"}, "persistence", "snapshots only", "appendonly yes"),
        ({"used_memory": "900", "maxmemory": "1000"}, {}, "memory", "uses 0 of 0 MiB", "raise maxmemory"),
    ],
)
def test_what_would_hurt_is_named_with_the_place_and_the_way_out(info, config, name, text, advice):
    found = judged(info, config)[name]

    assert not found.ok
    assert found.text.startswith("redis://me:***@cache:6379/0 ")
    assert text in found.text
    assert advice in found.advice


def test_where_settings_may_not_be_read_what_info_says_must_do():
    found = {
        one.name: one for one in findings({**GOOD, "maxmemory_policy": "volatile-ttl", "aof_enabled": "0"}, {}, "here")
    }

    assert not found["eviction"].ok
    assert found["persistence"].ok


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("5.0.14", True),
        ("6.0.20", True),
        ("6.2.0", False),
        ("7.2.4", False),
        ("8.0", False),
        ("", False),
        ("x.y", False),
    ],
)
def test_a_version_before_6_2_is_too_old(version, old):
    assert is_too_old(version) is old


def test_info_is_read_by_lines():
    assert parse_info("# Server\r\nredis_version:6.2.14\r\n\r\nos:Linux 6:1\r\n") == {
        "redis_version": "6.2.14",
        "os": "Linux 6:1",
    }
