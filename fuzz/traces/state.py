"""The state of a file system in a few lines, to be read after each step."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from fuzz.traces.recording import how_it_stands
from models.btrfs.block_group import BlockGroup
from models.btrfs.fs_info import FsInfo
from models.btrfs.subvolume import FS_TREE
from models.btrfs.trees import BlockGroupType
from models.simulation import State, span
from models.world import World


def state_lines(world: World) -> Iterator[str]:
    """Tasks, transactions, DATA block groups with their free space, ordered extents, dirty pages."""
    for name, task in sorted(world.sim.tasks.items()):
        if task.state is not State.IDLE:
            yield f"{name}: {world.operation_of(name)}, {how_it_stands(world, name)}"
    fs = world.fs
    if fs.error:
        yield f"the file system is read-only after -{errno.errorcode[fs.error]}"
    yield from _transactions(fs)
    yield from _block_groups(fs)
    yield from _ordered_extents(fs)
    for ino, inode in sorted(fs.roots[FS_TREE].inodes.items()):
        if inode.delalloc:
            yield f"file {ino}: dirty {spans(inode.delalloc)}"


def spans(blocks: set[int] | list[int]) -> str:
    """Blocks as ranges, for printing."""
    told, ordered = [], sorted(blocks)
    while ordered:
        length = next((i for i, block in enumerate(ordered) if block != ordered[0] + i), len(ordered))
        told.append(span(ordered[0], length))
        ordered = ordered[length:]
    return ", ".join(told) or "nothing"


def _transactions(fs: FsInfo) -> Iterator[str]:
    for trans in fs.transactions.trans_list:
        handles = ", ".join(handle.task for handle in trans.handles) or "nobody"
        pending = [group.number for handle in trans.handles for group in handle.new_bgs]
        parts = [f"transaction {trans.transid}: {trans.state.name}", f"handles: {handles}"]
        parts += [f"without an item: block group {number}" for number in pending]
        parts += [f"dirty: block group {group.number}" for group in trans.dirty_bgs]
        parts += [f"pinned {spans(trans.pinned_extents)}"] if trans.pinned_extents else []
        parts += [f"delayed refs {len(trans.delayed_refs)}"] if trans.delayed_refs else []
        yield ", ".join(parts)


def _block_groups(fs: FsInfo) -> Iterator[str]:
    present = [group for _, group in sorted(fs.block_groups.tree.items())]
    removed = [group for group in fs.block_groups.unused_bgs if group not in present]
    for group in (*present, *removed):
        if group.type is BlockGroupType.DATA:
            yield f"block group {group.number} ({span(group.start, group.length)}): {_counters(fs, group)}"


def _counters(fs: FsInfo, group: BlockGroup) -> str:
    counted = ("used", "reserved", "pinned", "ro", "nocow_writers", "reservations", "trimming")
    parts = [f"{name} {getattr(group, name)}" for name in counted if getattr(group, name) or name == "used"]
    parts.append(f"free {spans(group.free.blocks())}")
    parts += ["removed"] if group.removed else []
    parts += ["queued as unused"] if group in fs.block_groups.unused_bgs else []
    return ", ".join(parts)


def _ordered_extents(fs: FsInfo) -> Iterator[str]:
    for ordered in fs.ordered.all():
        where = span(ordered.disk_bytenr, ordered.num)
        parts = [f"ordered extent of file {ordered.inode.ino} {span(ordered.start, ordered.num)}: {where}"]
        parts += [ordered.type.name, "io done" if ordered.io_done else f"{ordered.blocks_left} to write"]
        parts += ["logged"] if ordered.logged else []
        yield ", ".join(parts)
