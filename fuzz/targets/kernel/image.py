"""Images in memory: files without a name, so that nothing is left of them when the last process ends."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator, Mapping

from fuzz.targets.kernel.payload import BLOCK, PRIMARY_SUPERBLOCK

SIZE = 128 * 1024 * 1024
"""Bytes: with less mkfs makes block groups that are too small or mixed; all but about 1 MiB is a hole."""
FSID_AT = PRIMARY_SUPERBLOCK + 32


def new_image(size: int = SIZE) -> int:
    """A file descriptor of an empty image."""
    image = os.memfd_create("bgfuzz", os.MFD_CLOEXEC)
    os.ftruncate(image, size)
    return image


def path_of(image: int) -> str:
    """A path by which this process, and a child that inherits it, can open an image."""
    return f"/dev/fd/{image}"


def mkfs() -> tuple[int, bytes]:
    """An image with a fresh file system, and the file system's id.  Raises CalledProcessError."""
    image = new_image()
    command = ["mkfs.btrfs", "-q", "-f", "-m", "single", "-d", "single", path_of(image)]
    subprocess.run(command, check=True, capture_output=True, pass_fds=[image])  # noqa: S603 - no shell
    return image, os.pread(image, 16, FSID_AT)


def copy_image(base: int, changes: Mapping[int, bytes]) -> int:
    """An image of ``base`` with these blocks changed; holes stay holes."""
    size = os.fstat(base).st_size
    image = new_image(size)
    for start, end in data_ranges(base, size):
        os.pwrite(image, os.pread(base, end - start, start), start)
    for number in sorted(changes):
        os.pwrite(image, changes[number], number * BLOCK)
    return image


def data_ranges(image: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of an image that are no hole: where each starts, and where it ends."""
    end = 0
    while True:
        try:
            start = os.lseek(image, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = min(os.lseek(image, start, os.SEEK_HOLE), size)
        yield start, end
