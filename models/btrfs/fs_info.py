"""A mounted file system: all rooms of the kernel model, and the state they share.

A room is a class that holds one subject's functions; it reaches the others through ``fs``.  A revert
replaces methods of rooms by subclassing them (:mod:`models.reverts`), so the rooms themselves know
nothing of reverts.

Lock order, outermost first: delete_unused_bgs_mutex, cleaner_mutex, a transaction handle, reloc_mutex,
tree_log_mutex; ro_block_group_mutex inside a joined handle, then chunk_mutex; cache_write_mutex inside a
handle.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import cache
from typing import TypeVar, cast

from models.btrfs.abort import Abort
from models.btrfs.block_group import BlockGroup
from models.btrfs.block_groups import BlockGroups
from models.btrfs.cleaner import Cleaner
from models.btrfs.commit import Commit
from models.btrfs.commit_roots import CommitRoots
from models.btrfs.delalloc import Delalloc
from models.btrfs.delayed_refs import DelayedRefs
from models.btrfs.dev_extents import DevExtents
from models.btrfs.device import SUPER_MIRROR, Device
from models.btrfs.direct_io import DirectIo
from models.btrfs.errors import Errno
from models.btrfs.extents import Extents
from models.btrfs.fallocate import Fallocate
from models.btrfs.file_items import FileItems
from models.btrfs.free_space import FreeSpace
from models.btrfs.history import History
from models.btrfs.log_replay import LogReplay
from models.btrfs.mount import Mount
from models.btrfs.new_block_groups import NewBlockGroups
from models.btrfs.nocow import Nocow
from models.btrfs.ordered_data import OrderedData
from models.btrfs.pinned_extents import PinnedExtents
from models.btrfs.reloc_inode import RelocInodes
from models.btrfs.reloc_merge import RelocMerge
from models.btrfs.reloc_tree import RelocTrees
from models.btrfs.relocation import Relocation
from models.btrfs.run_delalloc import RunDelalloc
from models.btrfs.scrub import Scrub
from models.btrfs.snapshot import Snapshots, snapshot_names
from models.btrfs.space_info import Space
from models.btrfs.subvolume import DATA_RELOC_TREE, FS_TREE, FileExtentType, Inode, Root
from models.btrfs.trans_waits import TransWaits
from models.btrfs.transaction import Transactions
from models.btrfs.tree_log import TreeLog
from models.btrfs.trees import BlockGroupType, Trees
from models.btrfs.trim import Trim
from models.btrfs.volumes import METADATA_CHUNK, ChunkMap, Volumes
from models.btrfs.writeout import Writeout
from models.faults import Faults
from models.locks import Mutex, RangeLock, RwSem
from models.simulation import Simulation

Room = TypeVar("Room")


@cache
def room_with(room: type, overrides: tuple[type, ...]) -> type:
    """A room's class, with every override of it in front; it is made once, not at each mount."""
    over = tuple(dict.fromkeys(o for o in overrides if issubclass(o, room)))
    return type(room.__name__, (*over, room), {}) if over else room


class FsInfo:
    """btrfs_fs_info.  ``error`` is 0, or the errno that forced the file system read-only."""

    def __init__(self, sim: Simulation, device: Device, overrides: Sequence[type] = ()) -> None:
        """Mount ``device``: read the trees that its superblock reaches (the first half of open_ctree; the
        second is :meth:`models.btrfs.mount.Mount.open_ctree`).

        ``overrides`` are subclasses of rooms, each to be used in its room's place.
        Raises Errno(EIO) where tree blocks are missing, ENOENT where a chunk has no block group item.
        """
        if not device.readable:
            raise Errno(errno.EIO)
        self.sim, self.device, self._overrides = sim, device, tuple(overrides)
        self.error = 0
        self.history, self.faults = History(), Faults()
        self.generation = device.superblock.generation
        self.trees = Trees.read(device.superblock)
        self.ro_block_group_mutex = Mutex(sim, "ro_block_group_mutex")
        self.chunk_mutex = Mutex(sim, "chunk_mutex")
        self.reloc_mutex = Mutex(sim, "reloc_mutex")
        self.tree_log_mutex = Mutex(sim, "tree_log_mutex")

        chunks = self.trees.chunk.root.values()
        data_sizes = [chunk.length for chunk in chunks if chunk.type is BlockGroupType.DATA]
        self.volumes = self._room(Volumes)(self, max(data_sizes, default=METADATA_CHUNK))
        self.new_block_groups = self._room(NewBlockGroups)(self)
        self.dev_extents = self._room(DevExtents)(self)
        self.space = self._room(Space)(self)
        self.block_groups = self._room(BlockGroups)(self)
        self.cleaner = self._room(Cleaner)(self)
        self.transactions = self._room(Transactions)(self)
        self.trans_waits = self._room(TransWaits)(self)
        self.abort = self._room(Abort)(self)
        self.commit = self._room(Commit)(self)
        self.commit_roots = self._room(CommitRoots)(self)
        self.delayed_refs = self._room(DelayedRefs)(self)
        self.extents = self._room(Extents)(self)
        self.pinned_extents = self._room(PinnedExtents)(self)
        self.writeout = self._room(Writeout)(self)
        self.file_items = self._room(FileItems)(self)
        self.ordered = self._room(OrderedData)(self)
        self.nocow = self._room(Nocow)(self)
        self.direct_io = self._room(DirectIo)(self)
        self.delalloc = self._room(Delalloc)(self)
        self.run_delalloc = self._room(RunDelalloc)(self)
        self.snapshots = self._room(Snapshots)(self)
        self.fallocate = self._room(Fallocate)(self)
        self.reloc_trees = self._room(RelocTrees)(self)
        self.reloc_inodes = self._room(RelocInodes)(self)
        self.reloc_merge = self._room(RelocMerge)(self)
        self.relocation = self._room(Relocation)(self)
        self.tree_log = self._room(TreeLog)(self)
        self.log_replay = self._room(LogReplay)(self)
        self.mount = self._room(Mount)(self)
        self.trim = self._room(Trim)(self)
        self.scrub = self._room(Scrub)(self)
        names = [FS_TREE, DATA_RELOC_TREE, *snapshot_names(self.device.superblock)]
        self.roots = {name: self._read_root(name) for name in names}
        self._read_block_groups()
        self._read_files()

    def _room(self, room: type[Room]) -> type[Room]:
        kind: type = room
        return cast("type[Room]", room_with(kind, self._overrides))

    def _read_root(self, name: str) -> Root:
        image = self.device.superblock
        root = Root(name, dict(image.files.get(name, {})))
        root.generation = image.roots[name].generation
        root.last_snapshot = image.roots[name].last_snapshot
        root.full_backref = set(image.roots[name].full_backref)
        root.switch_commit_root()
        return root

    def _read_block_groups(self) -> None:
        """btrfs_read_block_groups: chunk maps, block groups, free space as the extent tree has it; what is
        empty is queued for the cleaner."""
        for start, item in sorted(self.trees.chunk.root.items()):
            chunk = ChunkMap(start, item.length, item.physical, item.type)
            self.volumes.mapping_tree[start] = chunk
            group = self.make_block_group(chunk)
            if start not in self.trees.block_group.root:
                raise Errno(errno.ENOENT)
            group.used = self.trees.block_group.root[start].used
            for bytenr, extent in self.trees.extent.root.items():
                if group.start <= bytenr < group.end:
                    group.free.remove(bytenr, extent.length)
            self.block_groups.tree[start] = group
            group.get("tree")
            info = group.space_info = self.space.infos[item.type]
            info.total += group.length
            info.used += group.used
            info.readonly += group.bytes_super
            info.block_groups.append(group)
            if group.used == 0:
                self.block_groups.queue_unused(group)

    def make_block_group(self, chunk: ChunkMap) -> BlockGroup:
        """A block group in memory, all free but for a superblock copy (exclude_super_stripes)."""
        group = BlockGroup(
            self.block_groups.created,
            chunk.start,
            chunk.length,
            chunk.type,
            FreeSpace(chunk.start, chunk.length),
        )
        self.block_groups.created += 1
        if chunk.physical <= SUPER_MIRROR < chunk.physical + chunk.length:
            group.bytes_super = 1
            group.free.remove(chunk.start + SUPER_MIRROR - chunk.physical, 1)
        return group

    def _read_files(self) -> None:
        """Bring all files of the mounted image into memory, and the reloc trees of each root."""
        for root in self.roots.values():
            self.mount.read_reloc_roots(root)
            for ino in sorted(root.leaves):
                self._read_inode(root, ino)

    def _read_inode(self, root: Root, ino: int) -> None:
        """Bring a file of the mounted image into memory (btrfs_iget)."""
        leaf = root.leaves[ino]
        root.next_ino = ino
        self.new_inode(root.name, nodatacow=leaf.nodatacow).size = sum(
            item.num for item in leaf.items.values()
        )

    def new_inode(self, root_name: str, *, nodatacow: bool) -> Inode:
        """A new inode in memory; its number is the root's next free one."""
        root = self.roots[root_name]
        ino = root.next_ino
        root.next_ino += 1
        what = f"file {ino}" if root_name == FS_TREE else "relocation inode"
        dio_sem = RwSem(self.sim, f"dio_sem({what})")
        inode_lock = Mutex(self.sim, f"inode_lock({what})")
        inode = Inode(ino, root, RangeLock(self.sim, what), dio_sem, inode_lock, nodatacow, size=0)
        root.inodes[ino] = inode
        return inode

    def find_group(self, number: int) -> BlockGroup | None:
        """The DATA block group of that number, if there is one that balance can see."""
        return next((group for group in self.balanceable() if group.number == number), None)

    def balanceable(self) -> list[BlockGroup]:
        """DATA block groups as balance finds them: by their chunk items, so after phase 2
        (volumes.c __btrfs_balance)."""
        groups = self.block_groups.tree.items()
        return [
            group
            for start, group in groups
            if group.type is BlockGroupType.DATA and start in self.trees.chunk.root
        ]

    def read_block(self, inode: Inode, block: int) -> int | None:
        """What a read of one block returns now; None where it would have to wait for a write.

        From the page if the disk does not have it yet, else through the cached map if there is one, else
        through the tree; nothing is cached by it.
        Source: inode.c btrfs_direct_IO and btrfs_get_extent for reads (v4.9): it waits for ordered
        extents, and an unwritten PREALLOC extent reads as zero.
        """
        if block in inode.pages:
            return inode.pages[block]
        em = next((em for em in inode.extent_maps if em.start <= block < em.start + em.num), None)
        # The writer of a pinned map holds the extent lock until there is an ordered extent.
        if inode.ordered_in(block, block + 1) is not None or (em is not None and em.pinned):
            return None
        if em is not None and em.type is not FileExtentType.PREALLOC:
            return self.device.blocks[self.volumes.map_block(em.block_start + block - em.start)]
        if em is not None:
            return 0
        found = inode.root.lookup(inode.ino, block)
        if found is None or found[1].type is FileExtentType.PREALLOC:
            return 0
        offset, item = found
        return self.device.blocks[self.volumes.map_block(item.disk_bytenr + item.offset + block - offset)]
