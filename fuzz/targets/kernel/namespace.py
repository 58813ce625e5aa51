"""A private mount namespace, the process that keeps it, and the directories that everything is mounted on.

No other process sees what is mounted in it, and all is mounted over :data:`PLACE`, a directory that every
Linux has.  The namespace goes with its last process, and all mounts with it.  Which process that is matters:
it unmounts as it exits, before its own descriptors are closed and its children told.  If it were the gate, it
would wait for requests that only its own end would fail (that hung for good); if it were the search, for
those of a gate that does not hear of its end.  So:

* a *keeper* (:func:`keep`), which does nothing else, outlives the search;
* the gate leaves the namespace as soon as it has mounted its file (:func:`leave`), and ends with either.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from fuzz.targets.kernel import libc

PLACE = Path("/mnt")
"""Where the private tmpfs is mounted, in the private namespace."""


def keep(search: Callable[[], int]) -> NoReturn:
    """Run ``search`` in a child with a namespace of its own, and exit with what it returns.

    This process must have one thread.  It keeps the namespace until the child has gone.  Raises OSError.
    """
    enter()
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        libc.die_with_parent(keeper)
        os._exit(search())
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter() -> None:
    """Move this process to a namespace of its own.  Raises OSError."""
    libc.unshare(libc.CLONE_NEWNS)
    libc.mount("none", "/", "none", libc.MS_REC | libc.MS_PRIVATE)
    libc.mount("bgfuzz", str(PLACE), "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, "size=1m,mode=700")


def leave() -> None:
    """Move this process to another one, in which nothing of ours is mounted.  Raises OSError."""
    libc.unshare(libc.CLONE_NEWNS)
    libc.umount(str(PLACE), libc.MNT_DETACH)


def new_directory(name: str) -> Path:
    """A directory in it to mount something on."""
    path = PLACE / name
    os.mkdir(path, 0o700)  # noqa: PTH102 - as plain as it gets
    return path
