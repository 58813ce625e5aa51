"""Leaves and file extent items: COW once a transaction, splits, and the references they owe."""

from __future__ import annotations

import pytest
from simulated import Mounted, assert_image_is_consistent

from models.btrfs.errors import KernelBug
from models.btrfs.reloc_tree import RelocRoot
from models.btrfs.subvolume import (
    FS_TREE,
    FULL_BACKREF,
    ExtentMap,
    FileExtent,
    FileExtentType,
    Leaf,
    Root,
)
from models.btrfs.trees import RefKey
from models.geometry import File, FileKind, Geometry

REG, PREALLOC = FileExtentType.REG, FileExtentType.PREALLOC
ONE_PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))
KEYED, FULL = RefKey(FS_TREE, 0, 0), RefKey(FULL_BACKREF, 0, 0)


def mounted() -> tuple[Mounted, Root]:
    """A file of one PREALLOC extent at 9-12, and a task "a" with a handle."""
    fs = Mounted(ONE_PREALLOC)
    fs.join("a")
    return fs, fs.fs.roots[FS_TREE]


def cow(fs: Mounted, root: Root) -> Leaf:
    """COW the file's leaf in "a"'s transaction."""
    return fs.step("a", lambda: fs.fs.file_items.btrfs_cow_block(fs.handle("a"), root, 0))


def queued(fs: Mounted, bytenr: int = 9) -> tuple[list[RefKey], list[RefKey]]:
    """References of an extent that are queued to be added, and to be dropped."""
    head = fs.handle("a").transaction.delayed_refs.get(bytenr)
    return (head.adds, head.drops) if head else ([], [])


def mark_written(fs: Mounted, root: Root, start: int, end: int) -> None:
    """Turn PREALLOC blocks of the file into REG."""
    items = fs.fs.file_items
    fs.step("a", lambda: items.btrfs_mark_extent_written(fs.handle("a"), root, 0, start, end))


def insert(fs: Mounted, root: Root, offset: int, blocks: int) -> int:
    """Allocate an extent and put it into the file; its address."""
    start, _ = fs.call("a", fs.allocate(blocks))
    item = FileExtent(REG, start, blocks, 0, blocks)
    fs.step("a", lambda: fs.fs.file_items.insert_file_extent(fs.handle("a"), root, 0, offset, item))
    return start


def test_a_leaf_is_copied_once_per_transaction() -> None:
    """If it were changed in place, the committed image would change with it."""
    fs, root = mounted()
    committed = root.commit_root[0]
    new = cow(fs, root)

    assert new is not committed
    assert (new.generation, new.items) == (2, committed.items)
    assert new.items is not committed.items
    assert root.generation == 2
    assert cow(fs, root) is new
    assert root.commit_root[0] is committed


def test_the_next_transaction_copies_again() -> None:
    """If it did not, it would write into what the last commit is writing out."""
    fs, root = mounted()
    first = cow(fs, root)
    fs.end("a")
    fs.begin("committer", fs.commit(), until="TRANS_STATE_UNBLOCKED")
    fs.join("a")
    assert cow(fs, root) is not first


def test_copying_an_unshared_leaf_owes_no_reference() -> None:
    """If it did, every COW would dirty every block group that the file is in."""
    fs, root = mounted()
    cow(fs, root)
    assert queued(fs) == ([], [])


def test_copying_a_leaf_with_full_back_references_makes_them_keyed() -> None:
    """If they stayed, dropping the extent later would look for a reference that is not there."""
    fs, root = mounted()
    root.full_backref.add(0)
    cow(fs, root)
    assert queued(fs) == ([KEYED], [FULL])
    assert root.full_backref == set()


@pytest.mark.parametrize(("full", "added"), [(False, FULL), (True, KEYED)])
def test_copying_a_leaf_that_a_reloc_tree_shares_gives_both_references(full: bool, added: RefKey) -> None:
    """If one side got none, dropping the reloc tree would free the live file's data."""
    fs, root = mounted()
    reloc_root = RelocRoot(root, dict(root.leaves), last_snapshot=1)
    root.reloc_roots.append(reloc_root)
    root.full_backref = {0} if full else set()
    cow(fs, root)

    assert queued(fs) == ([added], [])
    assert reloc_root.owned == {0: FULL_BACKREF}
    assert root.full_backref == set()


@pytest.mark.parametrize(
    ("start", "end", "items", "added"),
    [
        (0, 4, [(0, "REG", 9, 4)], 0),
        (0, 1, [(0, "REG", 9, 1), (1, "PREALLOC", 10, 3)], 1),
        (3, 4, [(0, "PREALLOC", 9, 3), (3, "REG", 12, 1)], 1),
        (1, 3, [(0, "PREALLOC", 9, 1), (1, "REG", 10, 2), (3, "PREALLOC", 12, 1)], 2),
    ],
)
def test_writing_a_part_of_a_preallocated_extent_splits_it(
    start: int, end: int, items: list[tuple[int, str, int, int]], added: int
) -> None:
    """If a piece lost its place or its reference, other blocks would read wrong or be freed early."""
    fs, root = mounted()
    mark_written(fs, root, start, end)
    assert fs.extents(0) == items
    assert queued(fs) == ([KEYED] * added, [])


@pytest.mark.parametrize(("start", "end"), [(0, 2), (1, 4)])
def test_only_one_preallocated_extent_is_marked_written(start: int, end: int) -> None:
    """If a written block were marked again, or two items at once, a stale write would go unseen."""
    fs, root = mounted()
    mark_written(fs, root, 1, 2)
    with pytest.raises(KernelBug, match="the item is not one PREALLOC extent"):
        mark_written(fs, root, start, end)


def test_a_hole_cannot_be_marked_written() -> None:
    """If it could, a file extent would appear from nowhere."""
    fs, root = mounted()
    with pytest.raises(KernelBug, match="no file extent item"):
        mark_written(fs, root, 4, 5)


@pytest.mark.parametrize(
    ("offset", "blocks", "kept", "refs"),
    [
        (0, 4, [], ([], [KEYED])),
        (0, 3, [(3, "PREALLOC", 12, 1)], ([], [])),
        (1, 3, [(0, "PREALLOC", 9, 1)], ([], [])),
        (1, 2, [(0, "PREALLOC", 9, 1), (3, "PREALLOC", 12, 1)], ([KEYED], [])),
    ],
)
def test_inserting_an_extent_cuts_out_what_was_there(
    offset: int,
    blocks: int,
    kept: list[tuple[int, str, int, int]],
    refs: tuple[list[RefKey], list[RefKey]],
) -> None:
    """If the references did not follow the pieces, the old extent would leak or be freed in use."""
    fs, root = mounted()
    start = insert(fs, root, offset, blocks)
    assert fs.extents(0) == sorted([*kept, (offset, "REG", start, blocks)])
    assert queued(fs) == refs
    assert queued(fs, start) == ([RefKey(FS_TREE, 0, offset)], [])


def test_pieces_keep_the_reference_of_the_whole_extent() -> None:
    """If a piece referred to its own offset, the extent item would count two owners."""
    fs, root = mounted()
    mark_written(fs, root, 1, 2)
    insert(fs, root, 1, 1)
    fs.end("a")
    fs.call("committer", fs.commit())

    assert fs.fs.trees.extent.root[9].refs == ((KEYED, 2),)
    assert_image_is_consistent(fs.device.superblock)


def test_lookup_finds_the_item_that_covers_a_block() -> None:
    """If the end were inclusive, the block behind an extent would seem to be in it."""
    fs, root = mounted()
    mark_written(fs, root, 1, 3)
    found = [root.lookup(0, block) for block in range(5)]
    assert [hit[0] if hit else None for hit in found] == [0, 1, 1, 3, None]
    assert root.lookup(7, 0) is None


def test_a_cached_map_replaces_what_it_overlaps() -> None:
    """If two maps covered one block, a write could follow the stale one."""
    inode = Mounted(ONE_PREALLOC).inode(0)
    inode.add_extent_mapping(ExtentMap(0, 4, 9, PREALLOC))
    inode.add_extent_mapping(ExtentMap(4, 2, 20, REG))
    inode.add_extent_mapping(ExtentMap(1, 1, 10, REG))
    assert inode.extent_maps == [ExtentMap(4, 2, 20, REG), ExtentMap(1, 1, 10, REG)]


def test_dropping_cached_maps_leaves_the_neighbours() -> None:
    """If neighbours went too, it would hide that a stale map was kept elsewhere."""
    inode = Mounted(ONE_PREALLOC).inode(0)
    maps = [ExtentMap(0, 2, 9, REG), ExtentMap(2, 2, 11, REG)]
    inode.extent_maps = list(maps)
    inode.drop_extent_cache(2, 3)
    assert inode.extent_maps == maps[:1]
