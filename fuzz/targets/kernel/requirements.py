"""What a machine must have for this target, and how to get what it has not."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from fuzz.targets import TargetUnavailable
from fuzz.targets.kernel.namespace import PLACE

CAP_SYS_ADMIN = 21


def missing() -> str:
    """What is missing first, and what to do about it, on one line; empty if nothing is."""
    if sys.platform != "linux":
        return "the target kernel needs Linux"
    if not _may_administrate():
        return "the target kernel needs root (CAP_SYS_ADMIN): run it with sudo, on a machine that may be lost"
    for name, module in (("/dev/fuse", "fuse"), ("/dev/loop-control", "loop")):
        if not os.access(name, os.R_OK | os.W_OK):
            return f"the target kernel needs {name}: modprobe {module}, or start the container with this device"
    if not PLACE.is_dir():
        return f"the target kernel needs the directory {PLACE}: mkdir {PLACE}"
    for tool in ("mkfs.btrfs", "btrfs"):
        if shutil.which(tool) is None:
            return f"the target kernel needs {tool}: apt-get install btrfs-progs"
    if "btrfs" not in Path("/proc/filesystems").read_text(encoding="ascii").split():
        return "the target kernel needs btrfs in the kernel: modprobe btrfs"
    return ""


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
