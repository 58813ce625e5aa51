"""What a machine must have for this target, and how to get what it has not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from fuzz.targets import TargetUnavailable
from fuzz.targets.kernel.namespace import PLACE

CAP_SYS_ADMIN = 21


def missing() -> str:
    """What is missing first, and what to do about it, on one line; empty if nothing is."""
    if sys.platform != "linux":
        return "the target kernel needs Linux"
    return next((f"the target kernel needs {what}" for here, what in _needs() if not here), "")


def _needs() -> Iterator[tuple[bool, str]]:
    """Whether each thing is there, and what to do if it is not."""
    yield _may_administrate(), "root (CAP_SYS_ADMIN): run it with sudo, on a machine that may be lost"
    for name, module in (("/dev/fuse", "fuse"), ("/dev/loop-control", "loop")):
        able = os.access(name, os.R_OK | os.W_OK)
        yield able, f"{name}: modprobe {module}, or start the container with this device"
    yield PLACE.is_dir(), f"the directory {PLACE}: mkdir {PLACE}"
    for tool in ("mkfs.btrfs", "btrfs"):
        yield shutil.which(tool) is not None, f"{tool}: apt-get install btrfs-progs"
    known = Path("/proc/filesystems").read_text(encoding="ascii").split()
    yield "btrfs" in known, "btrfs in the kernel: modprobe btrfs"


def _may_administrate() -> bool:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1)
    return False


def require() -> None:
    """Raises TargetUnavailable where something is missing."""
    what = missing()
    if what:
        raise TargetUnavailable(what)
