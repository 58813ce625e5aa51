"""One planted defect, or more, for every property: which world, what is damaged, what else must break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from watched import group_of, transaction_of

from models.btrfs.block_group import BlockGroup
from models.btrfs.history import Allocated, BecameRo, Entered, NewChunk, Relocated, SuperblockWritten
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.reloc_tree import RelocControl, RelocRoot
from models.btrfs.space_info import SpaceInfo
from models.btrfs.subvolume import DATA_RELOC_TREE, FS_TREE, FileExtent, FileExtentType, Inode, Leaf
from models.btrfs.transaction import Handle, HandleType, Transaction, TransState
from models.btrfs.trees import BlockGroupType, ChunkItem, DevExtent, Image
from models.world import World

DATA, METADATA, SYSTEM = BlockGroupType.DATA, BlockGroupType.METADATA, BlockGroupType.SYSTEM


def bump(thing: object, name: str, by: int = 1) -> None:
    """Change a counter."""
    setattr(thing, name, getattr(thing, name) + by)


def counts(of: Callable[[World], object], name: str, by: int = 1) -> Callable[[World], None]:
    """A counter is wrong."""
    return lambda world: bump(of(world), name, by)


def holds_a_reference(holder: str) -> Callable[[World], None]:
    """Block group 2 has a reference too many."""
    return lambda world: group_of(world).get(holder)


def enters(what: str) -> Callable[[World], None]:
    """The history says that something entered a read-only block group."""
    return lambda world: world.fs.history.entered.append(Entered(what, group_of(world), 1))


def turn_read_only_late(world: World) -> None:
    """The history says that a block group turned read-only behind the beginning of the writeout."""
    world.fs.history.became_ro.append(BecameRo(group_of(world), writeout_began=True))


def relocated(world: World) -> BlockGroup:
    """The block group that was relocated."""
    return world.fs.history.relocated[0].group


def info(world: World, kind: BlockGroupType = METADATA) -> SpaceInfo:
    """A space info; METADATA has free space that nothing else touches."""
    return world.fs.space.infos[kind]


def system(world: World) -> BlockGroup:
    """The SYSTEM block group, which has free space."""
    return world.fs.block_groups.tree[1]


def inode(world: World) -> Inode:
    """File 0, which is NODATACOW, in blocks 9 to 11 of block group 2."""
    return world.fs.roots[FS_TREE].inodes[0]


def order(world: World, start: int, disk_bytenr: int) -> None:
    """Leave an ordered extent of one block of file 0."""
    ordered = OrderedExtent(inode(world), start, 1, disk_bytenr, OrderedType.NOCOW, "CPU 9", 1)
    inode(world).ordered.append(ordered)


def map_to(world: World, start: int, **changes: int | BlockGroupType) -> None:
    """Change a chunk map."""
    maps = world.fs.volumes.mapping_tree
    maps[start] = replace(maps[start], **changes)  # type: ignore[arg-type]


def overwrite(world: World, block: int, value: int) -> None:
    """A device block changes, and nobody wrote it."""
    world.fs.device.blocks[world.fs.volumes.map_block(block)] = value


def overlap(world: World) -> None:
    """The SYSTEM chunk is one block too long, and the block behind it counted as a superblock's."""
    group = system(world)
    map_to(world, 1, length=5)
    group.length, group.bytes_super = 5, 1
    bump(info(world, SYSTEM), "total")
    bump(info(world, SYSTEM), "readonly")


def leak(world: World, counter: str) -> None:
    """A METADATA block stays reserved, or pinned, for ever; all sums are right."""
    group = world.fs.block_groups.tree[5]
    group.free.remove(group.free.blocks()[0], 1)
    bump(group, counter)
    bump(info(world), counter)


def unpin_too_early(world: World) -> None:
    """Freed space comes back before the superblock that no longer references it is written."""
    for trans in world.fs.transactions.trans_list:
        while trans.pinned_extents:
            block = trans.pinned_extents.pop()
            group = world.fs.block_groups.lookup(block)
            assert group is not None
            world.fs.pinned_extents.unpin_extent_range(group, block, block + 1)
            group.put("lookup")


def join_too_late(world: World) -> None:
    """A task joins a transaction that is committed."""
    handle = Handle(transaction_of(world), HandleType.JOIN, "CPU 9")
    transaction_of(world).handles.append(handle)
    transaction_of(world).num_writers += 1
    world.sim.task("CPU 9").journal_info = handle


def stay_external(world: World) -> None:
    """The committer still counts as an external writer, and nobody waited for it."""
    transaction_of(world).handles[0].extwriter = True
    transaction_of(world).num_extwriters += 1


def outlive(world: World) -> None:
    """A task still holds a handle of a transaction that is COMPLETED."""
    trans = Transaction(world.fs.generation, TransState.COMPLETED)
    world.sim.task("CPU 9").journal_info = Handle(trans, HandleType.JOIN, "CPU 9")


def queue_as_new(world: World) -> None:
    """Phase 2 is still to come for a block group of a committed transaction."""
    handle = transaction_of(world).handles[0]
    handle.new_bgs.append(group_of(world))
    group_of(world).bg_list = handle.new_bgs


def forget_new(world: World) -> None:
    """A handle that is not making anything any more does not owe the items of what it made."""
    handle = next(h for trans in world.fs.transactions.trans_list for h in trans.handles if h.new_bgs)
    group = handle.new_bgs.pop()
    group.bg_list = None
    handle.making = group


def hook_dirty(world: World) -> None:
    """A block group thinks that it is dirty, and is on no list."""
    group_of(world).dirty_list = []
    group_of(world).get("dirty_list")


def commit_a_pointer(world: World, disk_bytenr: int) -> None:
    """The commit root of the subvolume has a file more."""
    item = FileExtent(FileExtentType.REG, disk_bytenr, 1, 0, 1)
    root = world.fs.roots[FS_TREE]
    root.commit_root = MappingProxyType({**root.commit_root, 9: Leaf(1, nodatacow=False, items={0: item})})


def image(world: World) -> Image:
    """The last committed image."""
    return world.fs.device.committed[-1]


def commit_chunk(world: World, start: int, item: ChunkItem) -> None:
    """The last committed image has another chunk item, and the device extent to it."""
    old, extents = image(world).chunks[start], dict(image(world).dev_extents)
    extents[item.physical] = extents.pop(old.physical)
    chunks = {**image(world).chunks, start: item}
    world.fs.device.committed[-1] = replace(image(world), chunks=chunks, dev_extents=extents)


def commit_without_dev_extent(world: World) -> None:
    """The last committed image lacks a device extent."""
    left = {p: extent for p, extent in image(world).dev_extents.items() if p != 9}
    world.fs.device.committed[-1] = replace(image(world), dev_extents=left)


def commit_group_item(world: World, used: int, kind: BlockGroupType = DATA) -> None:
    """The last committed image has another item for block group 2."""
    old = image(world).block_groups[9]
    groups = {**image(world).block_groups, 9: old._replace(used=old.used + used, type=kind)}
    world.fs.device.committed[-1] = replace(image(world), block_groups=groups)


def leave_a_superblock_out(world: World) -> None:
    """A superblock was written, and the one of the transaction before was not."""
    image = world.fs.device.superblock
    world.fs.device.committed.append(image)
    world.fs.history.superblocks.append(SuperblockWritten(image.generation, image.generation - 2))


def commit_bytes_used(world: World) -> None:
    """The last committed superblock counts a block too many."""
    world.fs.device.committed[-1] = replace(image(world), bytes_used=image(world).bytes_used + 1)


def commit_references(world: World, times: int) -> None:
    """The last committed image counts the references to file 0 differently."""
    old = image(world).extents[9]
    extents = {**image(world).extents, 9: old._replace(refs=tuple((k, n * times) for k, n in old.refs))}
    world.fs.device.committed[-1] = replace(image(world), extents=extents)


def new_chunk(world: World, taken: dict[int, DevExtent], **changes: int) -> None:
    """The history says that a chunk was made where a device extent or another chunk was."""
    chunk = world.fs.history.new_chunks[-1].chunk
    made = replace(chunk, **changes) if changes else chunk  # type: ignore[arg-type]
    world.fs.history.new_chunks.append(NewChunk(made, taken))


def relocate(world: World, ro: int) -> None:
    """The history says that the relocated block group was read-only that often at the end."""
    world.fs.history.relocated[0] = Relocated(relocated(world), ro)


def allocate_again(world: World, start: int, blocks: int) -> None:
    """The history says that blocks were handed out which the superblock needs."""
    world.fs.history.allocated.append(Allocated(start, blocks, world.fs.device.superblock))


def leave_a_copy(world: World) -> None:
    """The data relocation tree still has a leaf."""
    world.fs.roots[DATA_RELOC_TREE].leaves[0] = Leaf(1, nodatacow=True)


def leave_an_inode(world: World) -> None:
    """The relocation inode is still in memory."""
    world.fs.new_inode(DATA_RELOC_TREE, nodatacow=True)


def leave_a_reloc_tree(world: World) -> None:
    """A reloc tree was not dropped."""
    root = world.fs.roots[FS_TREE]
    root.reloc_roots.append(RelocRoot(root, {}, 0))


def leave_a_reloc_root(world: World) -> None:
    """A reloc tree was dropped, and its root still has it."""
    root = world.fs.roots[FS_TREE]
    root.reloc_root = RelocRoot(root, {}, 0)


def leave_in_charge(world: World) -> None:
    """reloc_control is still set."""
    world.fs.reloc_trees.control = RelocControl(group_of(world), inode(world))


def cut_short(world: World, file: int) -> None:
    """A file in memory is shorter than it should be."""
    world.fs.roots[FS_TREE].inodes[file].size -= 1


def reach_a_reloc_tree(world: World) -> None:
    """The superblock reaches a tree that no root in memory is."""
    old = world.fs.device.superblock
    roots = {**old.roots, "fs.reloc0": old.roots[FS_TREE]}
    world.fs.device.superblock = replace(old, roots=roots)
