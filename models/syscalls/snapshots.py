"""Taking snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.subvolume import FS_TREE
from models.operations.removal import Relocate
from models.operations.snapshots import Snapshot
from models.reference.snapshots import Snapshot as Taken
from models.simulation import Steps, Task
from models.syscalls.base import Failed, Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World

MAX_SNAPSHOTS = 5
"""Each keeps its space for ever; with more, nothing is left to write to."""


class EnterSnapshot(Syscall[Snapshot]):
    """A snapshot, from its announcement until it is committed."""

    def makes_sense(self, world: World, task: Task, operation: Snapshot) -> bool:
        """Outside a transaction, and while nobody relocates (see :mod:`models.btrfs.snapshot`)."""
        del operation
        few = len(world.reference.snapshots) < MAX_SNAPSHOTS
        return task.journal_info is None and few and not world.is_running(Relocate)

    def begin(self, world: World, task: Task, operation: Snapshot) -> Taken:
        """From now on every state may be the one that is kept."""
        del task, operation
        return world.reference.start_snapshot()

    def steps(self, fs: FsInfo, operation: Snapshot, memo: object) -> Steps[str]:
        """Take it; the name it has."""
        del operation, memo
        return (yield from fs.snapshots.create_snapshot(fs.roots[FS_TREE]))

    def end(self, world: World, task: Task, operation: Snapshot, memo: object) -> None:
        """What it is now it has to stay."""
        del operation
        assert isinstance(memo, Taken)
        name = "" if isinstance(task.result, Failed) else str(task.result)
        world.reference.end_snapshot(memo, name)
