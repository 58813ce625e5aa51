"""Planted defects of buffered writes and snapshots."""

from __future__ import annotations

from watched import Damage, apply, used_world

from models.btrfs.subvolume import FS_TREE
from models.operations import CompleteBio, Snapshot, StartNocowDio
from models.world import World


def snapshotted_world() -> World:
    """A used world with a snapshot; file 0 has moved away from it."""
    world = used_world()
    apply(world, "CPU 1", Snapshot())
    apply(world, "CPU 1", StartNocowDio(0, 0, 3))
    while world.fs.device.in_flight:
        bio = world.fs.device.in_flight[0]
        apply(world, "kworker 1", CompleteBio(bio.submitter, bio.index))
    apply(world, "CPU 1")
    return world


def _change_the_snapshot(world: World, value: int) -> None:
    """The snapshot has another value in the first block of file 0."""
    item = world.fs.roots["snapshot 1"].leaves[0].items[0]
    world.fs.device.blocks[world.fs.volumes.map_block(item.disk_bytenr + item.offset)] = value


def _forget_a_page(world: World) -> None:
    """A page is clean and kept."""
    inode = world.fs.roots[FS_TREE].inodes[0]
    inode.pages[1] = world.reference.files[0].blocks[1].candidates[-1].value


WRITE_DAMAGE = {
    "a_snapshot_stays_as_it_was_taken": [
        Damage("a block changes", snapshotted_world, lambda w: _change_the_snapshot(w, 999)),
        Damage("a block is lost", snapshotted_world, lambda w: w.fs.roots["snapshot 1"].leaves.pop(0)),
    ],
    "nobody_stands_in_the_way_of_a_snapshot": [
        Damage("a writer is counted", used_world, lambda w: w.fs.roots[FS_TREE].subv_writers.append("CPU 9")),
        Damage(
            "a snapshot is announced",
            used_world,
            lambda w: setattr(w.fs.roots[FS_TREE], "will_be_snapshoted", 1),
        ),
    ],
    "a_page_is_kept_only_until_it_is_written": [
        Damage("a clean one is kept", used_world, _forget_a_page),
    ],
}
