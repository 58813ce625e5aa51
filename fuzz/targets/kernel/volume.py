"""One mount of the file system under test: its files, its snapshots and its block groups.

Files are called by their numbers, snapshots ``snapshot-N``.  A DATA block group has the number under
which it was seen first, so that a step keeps its meaning: the first has the model's first number.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

from fuzz.minimise.size import FIRST_GROUP
from fuzz.targets.kernel import ioctls, libc
from fuzz.targets.kernel.ioctls import Chunk
from fuzz.targets.kernel.loop import loop_device
from fuzz.targets.kernel.payload import BLOCK, decode, encode
from fuzz.targets.oracles import Values
from models.geometry import FileKind, Geometry, initial_value

OPTIONS = "nodiscard,skip_balance,commit=1"
"""No discards but by trim; a balance that a crash interrupted stays where it is until it is cancelled.

``commit=1`` bounds a wait that nothing else ends: START_SYNC asks the transaction kthread for a commit, and
one that asks while the kthread is committing is heard only when the kthread's timer runs out, after 30 s by
default (seen on 6.18).  The task cannot be killed meanwhile.
"""
SNAPSHOT = "snapshot-"
CREATE_BG = "create-bg-"
"""How the names of the files begin that force a block group to be made, and live no longer than that."""
ATTEMPTS = 2_000
"""How often to try an umount: some reference to a mount is given up late."""
PAUSE = 0.005
"""Seconds between two attempts."""


def mount(backing: int, place: Path, *, direct: bool) -> str:
    """Mount the file system in the file behind a descriptor; the path of its device.  Raises OSError."""
    with loop_device(backing, direct=direct) as device:
        libc.mount(device, str(place), "btrfs", libc.MS_NOATIME, OPTIONS)
        return device


class Volume:
    """What is mounted on ``place``.  Methods raise OSError as the kernel says."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.root = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: dict[int, tuple[int, int]] = {}
        self._groups: dict[int, int] = {}
        self._chunks: dict[int, Chunk] = {}
        with contextlib.suppress(OSError):
            ioctls.cancel_balance(self.root)
        self.groups()

    def populate(self, geometry: Geometry) -> None:
        """Create the files that a case begins with, all durable."""
        for number, file in enumerate(geometry.files):
            nodatacow = file.kind is FileKind.NODATACOW
            self.create(number, file.blocks, nodatacow=nodatacow)
            for block in range(file.blocks if nodatacow else 0):
                os.pwrite(self.buffered(number), encode(initial_value(number, block)), block * BLOCK)
        for number in range(len(geometry.files)):
            os.fsync(self.buffered(number))
        ioctls.commit(self.root)

    # Files

    def create(self, number: int, blocks: int, *, nodatacow: bool = False) -> None:
        """Create a preallocated file."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(str(number), flags, 0o600, dir_fd=self.root)
        try:
            if nodatacow:
                ioctls.set_nocow(fd)
            os.posix_fallocate(fd, 0, blocks * BLOCK)
        except OSError:
            os.close(fd)
            os.unlink(str(number), dir_fd=self.root)
            raise
        self._opened(number, fd)

    def _opened(self, number: int, fd: int) -> tuple[int, int]:
        direct = os.open(str(number), os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC, dir_fd=self.root)
        self._open[number] = (fd, direct)
        return self._open[number]

    def buffered(self, number: int) -> int:
        """A descriptor of the file for IO through the page cache."""
        return self._descriptors(number)[0]

    def direct(self, number: int) -> int:
        """A descriptor for direct IO."""
        return self._descriptors(number)[1]

    def _descriptors(self, number: int) -> tuple[int, int]:
        if number in self._open:
            return self._open[number]
        return self._opened(number, os.open(str(number), os.O_RDWR | os.O_CLOEXEC, dir_fd=self.root))

    def remove(self, number: int) -> None:
        """Unlink a file and close it, so that its extents are freed."""
        os.unlink(str(number), dir_fd=self.root)
        for fd in self._open.pop(number, ()):
            os.close(fd)

    def write_direct(self, number: int, block: int, blocks: int, value: int) -> None:
        """Write a value to blocks, by direct IO."""
        data = mmap.mmap(-1, blocks * BLOCK)
        data[:] = encode(value) * blocks
        whole(os.pwrite(self.direct(number), data, block * BLOCK), blocks * BLOCK)

    def pages_in_writeback(self) -> int:
        """The pages in writeback of all open files.  Other threads may close some meanwhile."""
        pages = 0
        for fd, _ in list(self._open.values()):
            with contextlib.suppress(OSError):
                pages += libc.pages_in_writeback(fd)
        return pages

    def write_buffered(self, number: int, block: int, blocks: int, value: int) -> None:
        """Write a value to blocks, in the page cache."""
        whole(os.pwrite(self.buffered(number), encode(value) * blocks, block * BLOCK), blocks * BLOCK)

    def force_group(self, number: int) -> None:
        """Allocate more than is free, so that a block group has to be made; then give it back."""
        name = f"{CREATE_BG}{number}"
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self.root)
        try:
            os.posix_fallocate(fd, 0, self.free_bytes() + (1 << 20))
        finally:
            os.close(fd)
            os.unlink(name, dir_fd=self.root)

    def free_bytes(self) -> int:
        """The bytes of DATA space that are neither used nor promised."""
        space = Path(f"/sys/fs/btrfs/{ioctls.fsid(self.root)}/allocation/data")
        taken = ("bytes_used", "bytes_reserved", "bytes_pinned", "bytes_may_use", "bytes_readonly")
        total = int((space / "total_bytes").read_text(encoding="ascii"))
        return max(0, total - sum(int((space / name).read_text(encoding="ascii")) for name in taken))

    # What is there

    def files(self) -> list[int]:
        """The files by number."""
        return sorted(int(entry.name) for entry in self.place.iterdir() if entry.name.isdigit())

    def snapshots(self) -> list[str]:
        """The snapshots by name, the oldest first."""
        names = [entry.name for entry in self.place.iterdir() if entry.name.startswith(SNAPSHOT)]
        return sorted(names, key=lambda name: int(name.removeprefix(SNAPSHOT)))

    def read(self, number: int, *, direct: bool = False) -> Values:
        """What a file holds: from the device if ``direct``, else as the page cache has it."""
        fd = self.direct(number) if direct else self.buffered(number)
        return read_values(fd)

    def read_snapshot(self, name: str, *, cached: bool = True) -> dict[int, Values]:
        """What the files of a snapshot hold: from the device if not ``cached``.

        What the page cache has is dropped for that: reads with O_DIRECT may come from there, too (6.18).
        """
        found: dict[int, Values] = {}
        for file in sorted((self.place / name).iterdir()):
            if file.name.isdigit():
                with closing(os.open(file, os.O_RDONLY | os.O_CLOEXEC)) as fd:
                    if not cached:
                        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                    found[int(file.name)] = read_values(fd)
        return found

    @property
    def readonly(self) -> bool:
        """Whether the kernel has given up writing."""
        return bool(os.statvfs(self.root).f_flag & os.ST_RDONLY)

    def groups(self) -> dict[int, Chunk]:
        """The DATA block groups by number."""
        data = self.data_chunks()
        for chunk in data:
            self._groups.setdefault(chunk.logical, FIRST_GROUP + len(self._groups))
        found = {self._groups[chunk.logical]: chunk for chunk in data}
        self._chunks |= found
        return found

    def data_chunks(self) -> list[Chunk]:
        """The DATA chunks by address."""
        return [chunk for chunk in ioctls.chunks(self.root) if chunk.type & ioctls.BLOCK_GROUP_DATA]

    def chunk_of(self, group: int) -> Chunk:
        """Where a block group is, or was when it was seen last: the kernel removes empty ones any time."""
        return self._chunks[group]

    def umount(self) -> None:
        """Close everything and unmount."""
        descriptors = [fd for pair in self._open.values() for fd in pair]
        self._open.clear()
        for fd in (*descriptors, self.root):
            os.close(fd)
        for attempt in range(ATTEMPTS):
            try:
                libc.umount(str(self.place))
            except OSError as error:
                if error.errno != errno.EBUSY or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE)
            else:
                return


@contextlib.contextmanager
def closing(fd: int) -> Iterator[int]:
    """A descriptor that is closed at the end."""
    try:
        yield fd
    finally:
        os.close(fd)


def read_values(fd: int) -> Values:
    """What the blocks of an open file hold; a part of a block at its end holds no whole value.

    Raises OSError, also where not all could be read.
    """
    size = os.fstat(fd).st_size
    if not size:
        return []
    data = mmap.mmap(-1, -(-size // BLOCK) * BLOCK)
    got = os.preadv(fd, [data], 0)
    if got != size:
        raise OSError(errno.EIO, f"{got} of {size} bytes were read")
    return [decode(data[at : min(at + BLOCK, got)]) for at in range(0, size, BLOCK)]


def whole(written: int, asked: int) -> None:
    """Raise OSError for a write that the kernel cut short."""
    if written != asked:
        raise OSError(errno.EIO, f"{written} of {asked} bytes were written")
