"""A place of one's own: a mount namespace, and in it the directories that everything is mounted on.

The namespace goes with its last process, and all mounts with it.  What a process of it mounts nobody else
sees, and it mounts over :data:`PLACE` only, an empty directory that every Linux has.
"""

from __future__ import annotations

import os
from pathlib import Path

from fuzz.targets.kernel import libc

PLACE = Path("/mnt")
"""Where the private tmpfs is mounted, in the private namespace."""


def enter() -> Path:
    """Move this process, which must be the only user of its mounts, to a namespace of its own.

    Returns an empty directory that nobody else sees.  Raises OSError.
    """
    libc.unshare(libc.CLONE_NEWNS)
    libc.mount("none", "/", "none", libc.MS_REC | libc.MS_PRIVATE)
    libc.mount("bgfuzz", str(PLACE), "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, "size=1m,mode=700")
    return PLACE


def new_directory(name: str) -> Path:
    """A directory in it to mount something on."""
    path = PLACE / name
    os.mkdir(path, 0o700)  # noqa: PTH102 - as plain as it gets
    return path
