"""Looking after a file system: trim and scrub."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation


@dataclass(frozen=True, slots=True)
class Trim(Operation):
    """Discard the free space of DATA block group number ``group`` and of those behind it (fstrim -o)."""

    group: int = 2
    name = "trim"
    points = (
        "btrfs_trim_fs",
        "btrfs_trim_block_group",
        "do_trimming",
        "btrfs_discard_extent",
        "trim_no_bitmap",
        "btrfs_put_block_group_trimming",
    )


@dataclass(frozen=True, slots=True)
class Scrub(Operation):
    """Scrub the device range of DATA block group number ``group``."""

    group: int = 2
    name = "scrub"
    points = (
        "scrub_enumerate_chunks",
        "btrfs_lookup_block_group",
        "scrub_pause_on",
        "btrfs_inc_block_group_ro",
        "scrub_pause_off",
        "scrub_chunk",
        "scrub_stripe",
        "scrub_submit",
        "btrfs_dec_block_group_ro",
    )
