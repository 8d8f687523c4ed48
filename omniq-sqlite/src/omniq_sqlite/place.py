"""Looks at a place before a queue is put there, and refuses those that would lose tasks later.

Invariant: nothing here opens the database file. POSIX drops every lock of a process on a file when any of its
descriptors for that file is closed, so a look with `open()` would unlock the database under its own
connections.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

from omniq.errors import StoreRefused

__all__ = ("filesystem", "inspect", "is_private")

# statfs(2) and linux/magic.h; WAL needs memory shared between processes, which none of these gives.
_NETWORK = {
    0x6969: "NFS",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB",
    0x517B: "SMB",
    0x01021997: "9P",
    0x00C36400: "CephFS",
    0x5346414F: "AFS",
    0x47504653: "GPFS",
    0x0BD00BD0: "Lustre",
    0x19830326: "FhGFS",
    0x6B414653: "AFS",
    0x73757245: "Coda",
}


def filesystem(folder: str) -> str:
    """Name the network file system that a folder is on; empty where it is local or cannot be told."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(256)  # struct statfs is 120 bytes on 64-bit Linux
        if libc.statfs(os.fsencode(folder), buffer) != 0:
            return ""
    except (OSError, AttributeError):
        return ""
    kind = int.from_bytes(buffer.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder)
    return _NETWORK.get(kind & 0xFFFFFFFF, "")


def inspect(path: str, *, probe: Callable[[str], str] | None = None) -> None:
    """Refuse a place that cannot hold a queue; make the folder where it is missing.

    Raises:
        StoreRefused: not a file, a read-only file or folder, or a network file system.
    """
    file = Path(path)
    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise StoreRefused(f"folder {folder} cannot be made: {why.strerror}; choose another path") from why
    if file.exists() and not file.is_file():
        raise StoreRefused(f"{path} is not a file; name a file for the database, for example {file / 'jobs.db'}")
    network = (probe or filesystem)(str(folder))
    if network:
        raise StoreRefused(
            f"{folder} is on a network file system ({network}), where SQLite loses data; "
            "use a local disk, or PostgreSQL or Redis for several hosts"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreRefused(f"folder {folder} is read-only for this user; SQLite writes files beside the database")
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise StoreRefused(f"{path} is read-only for this user; give it read and write permission")


def is_private(path: str) -> bool:
    """Say whether the file and its folder are this user's and no group or stranger may write them.

    A file that is not there yet is judged by its nearest folder: who may write that may put one there. A link is
    judged by what it leads to.
    """
    if not hasattr(os, "getuid"):
        return False
    file = Path(path).expanduser().resolve()
    folder = next(one for one in file.parents if one.exists())
    looked = [one.stat() for one in (file, folder) if one.exists()]
    return all(one.st_uid == os.getuid() and not one.st_mode & 0o022 for one in looked)
