"""What a mounted file system looks like now, as plain data: for drawing it.

Reads everything and changes nothing.  All addresses are logical and in blocks, but for ``physical``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.btrfs.owners import Owners, Use, block_owners, inode_name

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.device import Bio
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.ordered_data import OrderedExtent
    from models.btrfs.space_info import SpaceInfo
    from models.btrfs.transaction import Handle, Transaction


@dataclass(frozen=True, slots=True)
class BlockState:
    """One block: what it is used for, by whom, and the value that the device has there.

    ``use`` is a :class:`models.btrfs.owners.Use`'s value; ``content`` is None where no chunk has the block.
    """

    block: int
    use: str
    owners: tuple[str, ...]
    content: int | None


@dataclass(frozen=True, slots=True)
class BlockGroupState:
    """A block group: its counters, its lists, its item, its blocks.

    ``item_used`` is what its item says, None if there is none; ``on_disk`` the same for the tree that the
    superblock reaches.  ``new_bgs_of`` is the task whose handle owes its item, or empty.
    """

    number: int
    start: int
    length: int
    type: str
    used: int
    reserved: int
    pinned: int
    ro: int
    nocow_writers: int
    reservations: int
    dirty: bool
    unused: bool
    new_bgs_of: str
    item_used: int | None
    on_disk: int | None
    blocks: tuple[BlockState, ...]


@dataclass(frozen=True, slots=True)
class SpaceState:
    """The counters of one block group type."""

    type: str
    total: int
    used: int
    reserved: int
    pinned: int
    readonly: int
    may_use: int


@dataclass(frozen=True, slots=True)
class HandleState:
    """A transaction handle; ``new_bgs`` are numbers of block groups whose items it owes."""

    task: str
    type: str
    new_bgs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TransactionState:
    """A transaction; ``dirty_bgs`` are numbers of block groups, ``aborted`` an errno or 0."""

    transid: int
    state: str
    aborted: int
    num_writers: int
    dirty_bgs: tuple[int, ...]
    delayed_refs: int
    pinned: tuple[int, ...]
    handles: tuple[HandleState, ...]


@dataclass(frozen=True, slots=True)
class OrderedState:
    """An ordered extent; ``left`` of its blocks are not written yet."""

    inode: str
    start: int
    num: int
    disk_bytenr: int
    type: str
    task: str
    left: int


@dataclass(frozen=True, slots=True)
class BioState:
    """A write on its way: to the block that it was meant for, and to where the device will put it."""

    submitter: str
    index: int
    block: int
    physical: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FsState:
    """All of it; ``superblock`` is the generation that a mount would find, ``error`` an errno or 0."""

    generation: int
    superblock: int
    error: int
    block_groups: tuple[BlockGroupState, ...]
    spaces: tuple[SpaceState, ...]
    transactions: tuple[TransactionState, ...]
    ordered: tuple[OrderedState, ...]
    bios: tuple[BioState, ...]


def fs_state(fs: FsInfo) -> FsState:
    """The whole file system; every list is in an order that depends on the case only."""
    owners = block_owners(fs)
    return FsState(
        fs.generation,
        fs.device.superblock.generation,
        fs.error,
        tuple(block_group_state(fs, group, owners) for _, group in sorted(fs.block_groups.tree.items())),
        tuple(space_state(info) for info in fs.space.infos.values()),
        tuple(transaction_state(trans) for trans in fs.transactions.trans_list),
        tuple(ordered_state(ordered) for ordered in fs.ordered.all()),
        tuple(bio_state(bio) for bio in fs.device.in_flight),
    )


def block_group_state(fs: FsInfo, group: BlockGroup, owners: Owners) -> BlockGroupState:
    """One block group, with the ``owners`` of all blocks of the file system."""
    items, on_disk = fs.trees.block_group.root, fs.device.superblock.block_groups
    handles = (handle for trans in fs.transactions.trans_list for handle in trans.handles)
    return BlockGroupState(
        group.number,
        group.start,
        group.length,
        group.type.value,
        group.used,
        group.reserved,
        group.pinned,
        group.ro,
        group.nocow_writers,
        group.reservations,
        group.dirty_list is not None,
        group.bg_list is fs.block_groups.unused_bgs,
        next((handle.task for handle in handles if group in handle.new_bgs), ""),
        items[group.start].used if group.start in items else None,
        on_disk[group.start].used if group.start in on_disk else None,
        tuple(block_state(fs, group, block, owners) for block in range(group.start, group.end)),
    )


def block_state(fs: FsInfo, group: BlockGroup, block: int, owners: Owners) -> BlockState:
    """One block.  What the block group has as free is free, whatever else claims it."""
    chunk = fs.volumes.mapping_tree.get(group.start)
    content = None if chunk is None else fs.device.blocks[chunk.physical + block - chunk.start]
    found = owners.get(block, [])
    use = found[0].use if found else Use.RESERVED
    if block in group.free:
        use = Use.FREE
    return BlockState(block, use.value, tuple(dict.fromkeys(owner.name for owner in found)), content)


def space_state(info: SpaceInfo) -> SpaceState:
    """The counters of one type."""
    return SpaceState(
        info.type.value, info.total, info.used, info.reserved, info.pinned, info.readonly, info.may_use
    )


def transaction_state(trans: Transaction) -> TransactionState:
    """One transaction that is not completed."""
    return TransactionState(
        trans.transid,
        trans.state.name,
        trans.aborted,
        trans.num_writers,
        tuple(group.number for group in trans.dirty_bgs),
        len(trans.delayed_refs),
        tuple(sorted(trans.pinned_extents)),
        tuple(handle_state(handle) for handle in trans.handles),
    )


def handle_state(handle: Handle) -> HandleState:
    """One handle."""
    return HandleState(handle.task, handle.type.value, tuple(group.number for group in handle.new_bgs))


def ordered_state(ordered: OrderedExtent) -> OrderedState:
    """One ordered extent."""
    return OrderedState(
        inode_name(ordered.inode.root, ordered.inode.ino),
        ordered.start,
        ordered.num,
        ordered.disk_bytenr,
        ordered.type.value,
        ordered.task,
        ordered.blocks_left,
    )


def bio_state(bio: Bio) -> BioState:
    """One bio in flight."""
    return BioState(bio.submitter, bio.index, bio.ordered.disk_bytenr, bio.physical, bio.values)
