"""The on-disk trees, as mappings with a commit root, and the image that a superblock points to.

Deviation: the trees' own blocks are not allocated, COWed or freed (file leaves excepted, see
:mod:`models.btrfs.subvolume`).  Hidden by that: a tree update that itself needs space, dirties a block
group or creates one (988f1f576d4f and e44081ef6118, v4.5), and everything about relocating METADATA block
groups.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from models.btrfs.subvolume import FileExtent, Leaf

K = TypeVar("K")
V = TypeVar("V")


class BlockGroupType(enum.Enum):
    """What a block group may hold (BTRFS_BLOCK_GROUP_DATA, _METADATA, _SYSTEM)."""

    DATA = "DATA"
    METADATA = "METADATA"
    SYSTEM = "SYSTEM"


class ChunkItem(NamedTuple):
    """A chunk item, key: logical start.  One stripe; ``physical`` is its device address."""

    length: int
    type: BlockGroupType
    physical: int


class DevExtent(NamedTuple):
    """A device extent, key: device address."""

    length: int
    chunk_start: int


class BlockGroupItem(NamedTuple):
    """A block group item, key: logical start.  4.x keeps these in the extent tree."""

    length: int
    used: int
    type: BlockGroupType


class RefKey(NamedTuple):
    """What references an extent.

    ``root`` is the owning tree for a keyed reference, or ``"reloc"`` for a full back reference (the
    kernel names the parent leaf; here a leaf of a reloc tree or of snapshots, and as nobody drops the
    leaves of snapshots, counting those of one inode together is enough).  ``base`` is the file offset of
    the extent's first block.
    """

    root: str
    ino: int
    base: int


class ExtentItem(NamedTuple):
    """An extent item, key: logical start.  ``refs`` counts file extent items by holder."""

    length: int
    generation: int
    refs: tuple[tuple[RefKey, int], ...]


class RootItem(NamedTuple):
    """A root item, key: name of the tree.

    ``full_backref`` lists the inodes whose leaf holds full back references; the kernel keeps that as a
    flag in the extent item of the leaf.  ``refs`` is 0 for a tree that is only to be dropped; ``owned``
    says for which inodes a reloc tree's leaf is its own, and how that leaf's references are held.
    """

    generation: int
    last_snapshot: int
    full_backref: frozenset[int] = frozenset()
    refs: int = 1
    owned: tuple[tuple[int, str], ...] = ()


def reloc_name(root: str, number: int) -> str:
    """Name of a reloc tree of ``root`` (the kernel: objectid TREE_RELOC, offset the subvolume's)."""
    return f"{root}.reloc{number}"


@dataclass(slots=True, eq=False)
class Tree(Generic[K, V]):
    """One tree: the current version, and the commit root, read without locks."""

    root: dict[K, V] = field(default_factory=dict)
    commit_root: Mapping[K, V] = field(default_factory=lambda: MappingProxyType({}))

    def switch_commit_root(self) -> None:
        """Make the current version the commit root (switch_commit_roots, v4.9)."""
        self.commit_root = MappingProxyType(dict(self.root))


class LoggedInode(NamedTuple):
    """What the log has of one file: enough to make its leaf."""

    nodatacow: bool
    items: Mapping[int, FileExtent]


class Log(NamedTuple):
    """The log trees: files by inode number, as fsync saw them in transaction ``transid``."""

    transid: int
    inodes: Mapping[int, LoggedInode]


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Everything that one superblock reaches.  Immutable: items are values, leaves are COWed."""

    generation: int
    chunks: Mapping[int, ChunkItem]
    dev_extents: Mapping[int, DevExtent]
    block_groups: Mapping[int, BlockGroupItem]
    extents: Mapping[int, ExtentItem]
    roots: Mapping[str, RootItem]
    files: Mapping[str, Mapping[int, Leaf]]
    bytes_used: int


@dataclass(slots=True, eq=False)
class Trees:
    """The trees of a mounted file system."""

    chunk: Tree[int, ChunkItem] = field(default_factory=Tree)
    dev: Tree[int, DevExtent] = field(default_factory=Tree)
    extent: Tree[int, ExtentItem] = field(default_factory=Tree)
    block_group: Tree[int, BlockGroupItem] = field(default_factory=Tree)
    root: Tree[str, RootItem] = field(default_factory=Tree)

    @classmethod
    def read(cls, image: Image) -> Trees:
        """Read all trees that ``image`` reaches."""
        trees = cls(
            Tree(dict(image.chunks)),
            Tree(dict(image.dev_extents)),
            Tree(dict(image.extents)),
            Tree(dict(image.block_groups)),
            Tree(dict(image.roots)),
        )
        trees.switch_commit_roots()
        return trees

    def switch_commit_roots(self) -> None:
        """Flip the commit root of every tree; the caller holds commit_root_sem."""
        for tree in (self.chunk, self.dev, self.extent, self.block_group, self.root):
            tree.switch_commit_root()
