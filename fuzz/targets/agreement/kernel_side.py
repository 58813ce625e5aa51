"""The live kernel as a side: every write of a program is held, whatever puts it in flight."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping, Sequence

from fuzz.targets.agreement.side import DONE, Ended, Files, Inside
from fuzz.targets.kernel import ioctls
from fuzz.targets.kernel.judging import judge_quiet
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.payload import BLOCK
from fuzz.targets.kernel.tasks import Job, waits_in
from fuzz.targets.kernel.volume import CREATE_BG
from fuzz.targets.kernel.world import KernelWorld
from fuzz.targets.oracles import AfterCrash
from models.geometry import Geometry
from models.operations import Allocate, Crash, Fsync, Operation, Remount, Snapshot, Step

FORCING = 1 << 20
"""Bytes by which a file grows that forces a block group into being."""
PAUSE = 0.03
"""Seconds to wait for the kernel to get on."""
WRITEBACK = "writeback"
"""The submitter of the pages of a buffered write, as far as the gate knows."""


class KernelSide(KernelWorld):
    """A case on the live kernel that tells what came back.

    A search holds only the pages that a step writes back; here those that fsync and snapshots write on their
    own are held as well, as all bios of the model are.  So nothing may be asked of the kernel that
    waits for dirty pages: ``dirty`` has every value that may still be in one.
    """

    def __init__(self, machinery: Machinery, geometry: Geometry) -> None:
        self._ended: list[Ended] = []
        self._later: list[tuple[int, int]] = []
        self._flushing: dict[str, list[tuple[int, int]]] = {}
        super().__init__(machinery, geometry)

    def new_value(self, number: int) -> int:
        """A value that is held from now on."""
        value = super().new_value(number)
        self.io.submit(WRITEBACK, [value])
        return value

    def force_group(self, number: int) -> None:
        """Dirty pages until a block group has to be made for them; then drop them, unwritten.

        Extents in their place would leave the other block groups without space until the next commit.  Raises
        OSError.
        """
        volume, pages = self.volume, bytes(FORCING)
        name = f"{CREATE_BG}{number}"
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=volume.root)
        known = set(volume.data_chunks())
        try:
            while set(volume.data_chunks()) <= known:
                if os.write(fd, pages) < FORCING:
                    raise OSError(errno.ENOSPC, "no space for another block group")
        finally:
            os.ftruncate(fd, 0)
            os.close(fd)
            os.unlink(name, dir_fd=volume.root)

    def take(self, step: Step) -> None:
        """Start it, and wait until nothing moves.  Raises Violation."""
        if isinstance(step.operation, Remount):
            self.gate.calm()  # an umount writes what is dirty, and it could not be released
        if isinstance(step.operation, Crash | Remount):
            self._later.clear()
        self._flushing[step.task] = self._to_flush(step.operation)
        self.apply(Step(step.task, step.operation))

    def _to_flush(self, operation: Operation | None) -> list[tuple[int, int]]:
        """What the operation will have written back when it is done: file and value."""
        match operation:
            case Fsync(file):
                files = [file]
            case Snapshot():
                files = list(self.dirty)
            case _:
                files = []
        return [(file, value) for file in files for value in self.dirty.get(file, ())]

    def settle(self) -> None:
        """As in the base class.  A direct write to a file with dirty pages settles later: to wait for it
        means to wait for these pages, too."""
        super().settle()
        known = [*self._later, *self.unsettled]
        self._later = [one for one in known if self.dirty.get(one[0])]
        self.unsettled = [one for one in known if one not in self._later]

    def complete(self, values: frozenset[int]) -> None:
        """Release every request with one of these values.  Raises Violation."""
        numbers = [held.number for held in self.io.bios() if not values.isdisjoint(held.tags)]
        for number in numbers:
            bios = dict(zip((held.number for held in self.io.bios()), self.in_flight(), strict=True))
            if number in bios:
                self.apply(Step(self.idle_worker(), bios[number]))

    def end(self, job: Job) -> None:
        """As in the base class, and remember how it ended.  Raises Violation."""
        super().end(job)
        for file, value in self._flushing.pop(job.task, ()):
            if job.error is None and value in self.dirty.get(file, ()):
                self.dirty[file].remove(value)
        outcome = DONE if job.error is None else errno.errorcode[job.error.errno or 0]
        made = -1
        if isinstance(job.operation, Allocate) and job.error is None and isinstance(job.memo, tuple):
            made = job.memo[0]
        self._ended.append(Ended(job.task, job.operation, outcome, made))

    def ended(self) -> Sequence[Ended]:
        """What came back, by task."""
        ended, self._ended = self._ended, []
        return sorted(ended, key=lambda one: one.task)

    def inside(self) -> Mapping[str, Inside]:
        """Tasks that wait, by their stacks."""
        return {
            task: Inside(job.operation, waits_in(self.machinery.worker(task).stack()))
            for task, job in sorted(self.jobs.items())
        }

    def values_in_flight(self) -> Sequence[frozenset[int]]:
        """The values of each held request; a page may have others beside them."""
        return [frozenset(tag for tag in held.tags if tag > 0) for held in self.io.bios()]

    def files(self) -> Files:
        """All files, from the device where no page is dirty."""
        return {
            number: self.volume.read(number, direct=not self.dirty.get(number))
            for number in sorted(self.reference.files)
        }

    def snapshots(self) -> Sequence[Files]:
        """All snapshots, from the device."""
        names = self.volume.snapshots()
        return [self.volume.read_snapshot(name, cached=False) for name in names]

    def group_addresses(self) -> Mapping[int, int]:
        """The chunks."""
        return {chunk.logical: number for number, chunk in self.volume.groups().items()}

    def used(self) -> Mapping[int, int]:
        """By the block group items, when all ordered extents have ended."""
        self.gate.calm()
        for number in sorted(self.reference.files):
            ioctls.wait_ordered(self.volume.buffered(number))
        items = ioctls.used_bytes(self.volume.root)
        return {at: items[at] // BLOCK for at in self.group_addresses() if at in items}

    def extents_at(self, at: int) -> int:
        """By the extent items, which know what was committed, and by the files, which know what was not."""
        start, end = ioctls.chunk_range(self.volume.root, at)
        committed = ioctls.extent_bytes(self.volume.root, start, end)
        extents = [
            extent
            for number in sorted(self.reference.files)
            for extent in ioctls.file_extents(self.volume.buffered(number))
        ]
        of_files = sum(length for logical, length in extents if start <= logical < end)
        return max(committed, of_files) // BLOCK

    @property
    def readonly(self) -> bool:
        """Whether it was forced read-only."""
        return self.volume.readonly

    def after_crash(self) -> AfterCrash:
        """By its reference."""
        return AfterCrash.of(self.reference, self.doubtful)

    def settle_again(self) -> None:
        """A task that waits for a kernel worker may look blocked for good: let the worker finish.

        Raises Violation.
        """
        time.sleep(PAUSE)
        self.settle()
        if self.quiet:
            judge_quiet(self)
