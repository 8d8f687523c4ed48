"""What would hurt later: an old server, one that evicts, one that forgets at a restart.

Pure: `findings` judges what INFO and CONFIG GET have said. A setting that may not be read is no finding.
"""

from __future__ import annotations

from collections.abc import Mapping

from omniq.storage.base import Finding

__all__ = ("OLDEST", "findings", "is_too_old", "parse_info", "version_of")

OLDEST = (6, 2)


def parse_info(text: str) -> dict[str, str]:
    """Read what INFO answers."""
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def version_of(info: Mapping[str, str]) -> str:
    """Give the version of Redis that a server is, or says to be like; "" where it does not say."""
    return info.get("redis_version", "")


def is_too_old(version: str) -> bool:
    """Whether scripts here need commands that this version does not have."""
    parts = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return len(parts) == 2 and tuple(parts) < OLDEST


def findings(info: Mapping[str, str], config: Mapping[str, str], place: str) -> list[Finding]:
    """Judge a server by what it says of itself."""
    return [
        _version(info, place),
        _eviction(info, config, place),
        _persistence(info, config, place),
        *_room(info, place),
    ]


def _version(info: Mapping[str, str], place: str) -> Finding:
    version = version_of(info)
    if is_too_old(version):
        return Finding("version", False, f"{place} is Redis {version}, too old", "upgrade it to Redis 6.2 or newer")
    return Finding("version", True, f"{place} is Redis {version or 'of an unknown version'}")


def _eviction(info: Mapping[str, str], config: Mapping[str, str], place: str) -> Finding:
    policy = config.get("maxmemory-policy") or info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return Finding("eviction", True, f"{place} never evicts keys")
    return Finding(
        "eviction",
        False,
        f"{place} has maxmemory-policy {policy}: when its memory is full it deletes keys, and tasks with them",
        "set `maxmemory-policy noeviction`, in redis.conf or by CONFIG SET; then enqueue is refused instead",
    )


def _persistence(info: Mapping[str, str], config: Mapping[str, str], place: str) -> Finding:
    if info.get("aof_enabled") == "1" or config.get("appendonly") == "yes":
        fsync = config.get("appendfsync", "everysec")
        return Finding("persistence", True, f"{place} writes an append-only file, appendfsync {fsync}")
    saves = config.get("save")
    if saves is None:
        return Finding("persistence", True, f"{place} has no append-only file; whether it takes snapshots is not told")
    advice = "set `appendonly yes`, in redis.conf or by CONFIG SET; it costs little here"
    if saves:
        text = f"{place} keeps snapshots only (save {saves}): a crash of the server loses what came after the last one"
        return Finding("persistence", False, text, advice)
    return Finding("persistence", False, f"{place} keeps nothing on disk: a restart of the server loses all", advice)


def _room(info: Mapping[str, str], place: str) -> list[Finding]:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        return []
    text = f"{place} uses {used / (1 << 20):.0f} of {most / (1 << 20):.0f} MiB"
    if used < 0.8 * most:
        return [Finding("memory", True, text)]
    return [Finding("memory", False, text, "raise maxmemory, or drain and purge queues; a full server takes no tasks")]
