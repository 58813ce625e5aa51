"""A short program for every race of writes, on the plainest file system that has it."""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.case import Case
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Relocate,
    Snapshot,
    StartNocowDio,
    Step,
    Writeback,
)

NODATACOW = Geometry(1, 4, 3, (File(FileKind.NODATACOW, 1),))
FULL = Geometry(1, 4, 0, (File(FileKind.NODATACOW, 1),))
WRITE, OVERWRITE = BufferedWrite(0, 0, 1), StartNocowDio(0, 0, 1)

PROGRAMS: dict[str, tuple[Geometry, Sequence[Step]]] = {
    "f78c436c3931/buffered": (
        NODATACOW,
        [
            Step("CPU 1", WRITE),
            Step("CPU 1", Writeback(0), "btrfs_cross_ref_exist"),
            Step("CPU 2", Relocate(2), "btrfs_wait_ordered_roots"),
            Step("CPU 1"),
            Step("CPU 2"),
        ],
    ),
    "wrong/nocow-writer-counted-while-looking": (
        NODATACOW,
        [Step("CPU 1", OVERWRITE, "btrfs_inc_nocow_writers"), Step("CPU 2", Relocate(2))],
    ),
    "wrong/nocow-writer-counted-without-looking": (
        NODATACOW,
        [
            Step("CPU 1", OVERWRITE, "can_nocow_extent"),
            Step("CPU 2", Relocate(2), "btrfs_relocate_block_group"),
            Step("CPU 1"),
        ],
    ),
    "wrong/nocow-writers-awaited-before-read-only": (
        NODATACOW,
        [
            Step("CPU 2", Relocate(2), "btrfs_inc_block_group_ro"),
            Step("CPU 1", OVERWRITE, "btrfs_inc_nocow_writers"),
            Step("CPU 2"),
        ],
    ),
    "9cfa3e34e23e": (
        NODATACOW,
        [
            Step("CPU 1", Relocate(2)),
            Step("CPU 1", OVERWRITE, "btrfs_add_reserved_bytes"),
            Step("CPU 2", Relocate(3)),
        ],
    ),
    "wrong/reservations-awaited-without-groups-sem": (
        NODATACOW,
        [
            Step("CPU 1", Relocate(2)),
            Step("CPU 1", OVERWRITE, "btrfs_inc_block_group_reservations"),
            Step("CPU 2", Relocate(3)),
        ],
    ),
    "66d204a16c94": (
        NODATACOW,
        [Step("CPU 1", Allocate(1), "btrfs_prealloc_file_range"), Step("CPU 2", Relocate(2))],
    ),
    "wrong/fallocate-drops-before-transaction": (
        NODATACOW,
        [Step("CPU 1", Allocate(1), "btrfs_block_rsv_add"), Step("CPU 2", Relocate(2))],
    ),
    "18513091af94": (FULL, [Step("CPU 1", Allocate(2), "btrfs_inc_block_group_reservations")]),
    "e9894fd3e3b3": (NODATACOW, [Step("CPU 1", OVERWRITE, "can_nocow_extent"), Step("CPU 2", Snapshot())]),
    "wrong/snapshot-waits-before-announcing": (
        NODATACOW,
        [
            Step("CPU 2", Snapshot(), "btrfs_start_delalloc_inodes"),
            Step("CPU 1", OVERWRITE, "can_nocow_extent"),
            Step("CPU 2"),
        ],
    ),
    "wrong/snapshot-guard-looks-once": (
        NODATACOW,
        [
            Step("CPU 1", OVERWRITE, "btrfs_start_write_no_snapshoting"),
            Step("CPU 2", Snapshot(), "btrfs_wait_ordered_extents"),
            Step("CPU 1"),
            Step("CPU 2"),
        ],
    ),
    "wrong/snapshot-ignores-ordered-extents": (
        NODATACOW,
        [Step("CPU 1", OVERWRITE), Step("CPU 2", Snapshot())],
    ),
    "wrong/snapshot-guard-without-direct-writes": (
        NODATACOW,
        [Step("CPU 1", OVERWRITE, "can_nocow_extent"), Step("CPU 2", Snapshot())],
    ),
}
SHORTEST = {race: Case(geometry, tuple(steps)) for race, (geometry, steps) in PROGRAMS.items()}
"""A program for each race."""
