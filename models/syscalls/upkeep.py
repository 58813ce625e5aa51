"""Looking after a file system: trim and scrub."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, TypeVar

from models.operations.upkeep import Scrub, Trim
from models.simulation import Steps, Task
from models.syscalls.base import Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World


Op = TypeVar("Op", Trim, Scrub)


class _EnterUpkeep(Syscall[Op]):
    """Something to do to a block group that changes nothing that a user could see."""

    def makes_sense(self, world: World, task: Task, operation: Op) -> bool:
        """While the block group is there."""
        return task.journal_info is None and world.fs.find_group(operation.group) is not None


class EnterTrim(_EnterUpkeep[Trim]):
    """Trim: nothing is refused."""

    refusals = ()

    def steps(self, fs: FsInfo, operation: Trim, memo: object) -> Steps[int]:
        """How many blocks were discarded."""
        del memo
        group = fs.find_group(operation.group)
        assert group is not None
        return (yield from fs.trim.btrfs_trim_fs(group.start))


class EnterScrub(_EnterUpkeep[Scrub]):
    """Scrub: one of a device at a time."""

    refusals = (errno.EINPROGRESS,)

    def steps(self, fs: FsInfo, operation: Scrub, memo: object) -> Steps[None]:
        """Scrub the device range that the block group has now."""
        del memo
        group = fs.find_group(operation.group)
        assert group is not None
        chunk = fs.volumes.mapping_tree[group.start]
        yield from fs.scrub.btrfs_scrub_dev(chunk.physical, chunk.physical + chunk.length)
