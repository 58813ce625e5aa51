"""Snapshots."""

from __future__ import annotations

from collections.abc import Iterator

from models.btrfs.subvolume import FS_TREE
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import there_is_no_snapshot


@holds(When.ALWAYS, quick=there_is_no_snapshot)
def a_snapshot_stays_as_it_was_taken(seen: Observation) -> Iterator[Mismatch]:
    """Contents of snapshots against the reference model.

    When the operation has ended each block holds what the file held at some moment of it, and never
    anything else afterwards.
    """
    for snapshot in seen.reference.snapshots:
        if not snapshot.ended:
            continue
        root = seen.fs.roots[snapshot.name]
        for (file, block), cell in snapshot.cells.items():
            value = seen.fs.snapshots.read_block(root, file, block)
            if value is None and file in snapshot.uncertain:
                continue
            place = (snapshot.name, file, block)
            first = seen.snapshots.setdefault(place, value)
            if value is None or value not in cell.values:
                allowed = ", ".join(map(str, sorted(cell.values)))
                yield Mismatch(f"{snapshot.name} has {allowed} in block {block} of file {file}", f"{value}")
            elif value != first:
                yield Mismatch(
                    f"{snapshot.name} keeps {first} in block {block} of file {file}", f"it has {value} now"
                )


@holds(When.QUIET)
def nobody_stands_in_the_way_of_a_snapshot(seen: Observation) -> Iterator[Mismatch]:
    """A writer that is counted for ever blocks every snapshot, a snapshot that is announced for ever makes
    every write COW."""
    root = seen.fs.roots[FS_TREE]
    if root.subv_writers or root.will_be_snapshoted:
        yield Mismatch(
            "no writer in place and no snapshot is counted",
            f"{len(root.subv_writers)} writers and {root.will_be_snapshoted} snapshots are",
        )


@holds(When.QUIET)
def a_page_is_kept_only_until_it_is_written(seen: Observation) -> Iterator[Mismatch]:
    """What is neither dirty nor under writeback is not kept in the page cache."""
    for number in seen.reference.files:
        inode = seen.fs.roots[FS_TREE].inodes[number]
        for block in sorted(inode.pages.keys() ^ inode.delalloc):
            yield Mismatch(
                f"the page of block {block} of file {number} is dirty, or there is none", "it is not"
            )
