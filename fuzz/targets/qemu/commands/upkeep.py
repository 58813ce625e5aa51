"""Snapshots and scrub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.actions import OnBlockGroup, TakingSnapshot
from fuzz.targets.oracles import SCRUB_FINDS_NOTHING
from fuzz.targets.qemu.commands.base import BUSY, NO_SPACE, Begun, Command
from models.operations import Scrub, Snapshot

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase
    from fuzz.targets.real import RealJob

NO_ERROR = "no errors found"


class CommandSnapshot(TakingSnapshot["QemuCase"], Command[Snapshot]):
    """A read-only snapshot of the subvolume."""

    most = 3
    """Each is read again and again."""

    def begin(self, world: QemuCase, operation: Snapshot) -> Begun:
        """From now on every state may be the one that is kept."""
        del operation
        path = world.new_name("snapshot")
        taken = world.reference.start_snapshot()
        return Begun(f"btrfs subvolume snapshot -r /mnt {path}", (taken, path.removeprefix("/mnt/")))


class CommandScrub(OnBlockGroup["QemuCase", Scrub], Command[Scrub]):
    """Scrub of the whole device: the tool knows no range."""

    refusals = (NO_SPACE, BUSY, "already running")

    def begin(self, world: QemuCase, operation: Scrub) -> Begun:
        """It only reads."""
        del world, operation
        return Begun("btrfs scrub start -B /mnt")

    def end(self, world: QemuCase, operation: Scrub, job: RealJob) -> None:
        """It finds nothing wrong."""
        assert isinstance(job.result, str)
        if not job.error and NO_ERROR not in job.result:
            found = " ".join(job.result.split())
            world.complain(SCRUB_FINDS_NOTHING, "it finds no error", f"{operation} says: {found}")
