"""A file as a block device: one that was free, taken for a while, and given up by the kernel itself.

Direct IO, or one held request would stall the whole device: without it a single worker of the loop driver
goes through the page cache.  Source: include/uapi/linux/loop.h (v6.12).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fuzz.targets.kernel import libc

LOOP_CONFIGURE, LOOP_CTL_GET_FREE = 0x4C0A, 0x4C82
LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO = 4, 16
_CONFIG = struct.Struct("<II 5Q 4I 64s64s32s 2Q 8Q")
ATTEMPTS = 100
"""How often to ask for a free device: another process may be quicker."""


def pack_config(backing: int, flags: int, block_size: int) -> bytearray:
    """A struct loop_config: all of the file behind descriptor ``backing``."""
    info = (0, 0, 0, 0, 0, 0, 0, 0, flags, b"bgfuzz", b"", b"", 0, 0)
    return bytearray(_CONFIG.pack(backing, block_size, *info, *[0] * 8))


@contextmanager
def loop_device(backing: int, *, direct: bool) -> Iterator[str]:
    """A device for ``backing``, by its path, for as long as it is needed to mount it.

    Afterwards it lives as long as something has it open.  Raises OSError.
    """
    flags = LO_FLAGS_AUTOCLEAR | (LO_FLAGS_DIRECT_IO if direct else 0)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        path, device = _take(control, pack_config(backing, flags, 4096))
    finally:
        os.close(control)
    try:
        yield path
    finally:
        os.close(device)


def in_flight(device: str) -> int:
    """How many requests the device has begun and not completed; 0 where the kernel does not tell."""
    with suppress(OSError):
        counts = Path("/sys/block", Path(device).name, "inflight").read_text(encoding="ascii")
        return sum(map(int, counts.split()))
    return 0


def _take(control: int, config: bytearray) -> tuple[str, int]:
    """The first device that is free."""
    for _ in range(ATTEMPTS):
        path = f"/dev/loop{libc.ioctl(control, LOOP_CTL_GET_FREE)}"
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            libc.ioctl(device, LOOP_CONFIGURE, config)
        except OSError as error:
            os.close(device)
            if error.errno == errno.EBUSY:
                continue
            raise
        return path, device
    raise OSError(errno.EBUSY, "no loop device is free")
