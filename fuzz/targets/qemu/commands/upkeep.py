"""Snapshots and scrub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.oracles import SCRUB_FINDS_NOTHING
from fuzz.targets.qemu.commands.base import BUSY, NO_SPACE, Begun, Command
from models.operations import Scrub, Snapshot
from models.reference.snapshots import Snapshot as Taken

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase
    from fuzz.targets.qemu.job import Job
    from fuzz.targets.qemu.world import QemuWorld

MAX_SNAPSHOTS = 3
"""Each is read again and again."""
NO_ERROR = "no errors found"


class CommandSnapshot(Command[Snapshot]):
    """A read-only snapshot of the subvolume."""

    def makes_sense(self, world: QemuCase, operation: Snapshot) -> bool:
        """A few."""
        del operation
        return len(world.reference.snapshots) < MAX_SNAPSHOTS

    def begin(self, world: QemuWorld, operation: Snapshot) -> Begun:
        """From now on every state may be the one that is kept."""
        del operation
        path = world.new_name("snapshot")
        taken = world.reference.start_snapshot()
        return Begun(f"btrfs subvolume snapshot -r /mnt {path}", (taken, path.removeprefix("/mnt/")))

    def end(self, world: QemuWorld, operation: Snapshot, job: Job) -> None:
        """What it is now it has to stay."""
        del operation
        assert isinstance(job.memo, tuple)
        taken, name = job.memo
        assert isinstance(taken, Taken)
        world.reference.end_snapshot(taken, "" if job.error else name)


class CommandScrub(Command[Scrub]):
    """Scrub of the whole device: the tool knows no range."""

    refusals = (NO_SPACE, BUSY, "already running")

    def makes_sense(self, world: QemuCase, operation: Scrub) -> bool:
        """While there is such a block group."""
        return operation.group in world.data_groups()

    def begin(self, world: QemuWorld, operation: Scrub) -> Begun:
        """It only reads."""
        del world, operation
        return Begun("btrfs scrub start -B /mnt")

    def end(self, world: QemuWorld, operation: Scrub, job: Job) -> None:
        """It finds nothing wrong."""
        if not job.error and NO_ERROR not in job.output:
            found = " ".join(job.output.split())
            world.complain(SCRUB_FINDS_NOTHING, "it finds no error", f"{operation} says: {found}")
