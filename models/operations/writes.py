"""Writing to files."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation
from models.operations.points import RESERVE_POINTS


@dataclass(frozen=True, slots=True)
class StartNocowDio(Operation):
    """Write ``blocks`` blocks of ``file`` from ``block`` on, with O_DIRECT; wait for the bios.

    In place if the file and the moment allow it, else COW.
    """

    file: int = 0
    block: int = 0
    blocks: int = 1
    name = "start-nocow-dio"
    points = (
        "btrfs_start_write_no_snapshoting",
        "can_nocow_extent",
        "btrfs_inc_nocow_writers",
        "btrfs_check_data_free_space",
        "btrfs_get_extent",
        *RESERVE_POINTS,
        "btrfs_create_dio_extent",
        "btrfs_add_ordered_extent_dio",
        "unlock_extent",
        "btrfs_submit_direct",
        "join_transaction",
        "btrfs_end_transaction",
    )


@dataclass(frozen=True, slots=True)
class BufferedWrite(Operation):
    """Write ``blocks`` blocks of ``file`` from ``block`` on to the page cache."""

    file: int = 0
    block: int = 0
    blocks: int = 1
    name = "buffered-write"
    points = ("btrfs_check_data_free_space", "lock_and_cleanup_extent_if_need", "btrfs_dirty_pages")


@dataclass(frozen=True, slots=True)
class Writeback(Operation):
    """Put the dirty pages of ``file`` in flight, in place where that is allowed, else COW."""

    file: int = 0
    name = "writeback"
    points = (
        "find_lock_delalloc_range",
        "join_transaction",
        "btrfs_cross_ref_exist",
        "btrfs_start_write_no_snapshoting",
        "btrfs_inc_nocow_writers",
        *RESERVE_POINTS,
        "cow_file_range",
        "btrfs_add_ordered_extent",
        "btrfs_end_transaction",
        "extent_clear_unlock_delalloc",
    )


@dataclass(frozen=True, slots=True)
class CompleteBio(Operation):
    """The device completes bio ``index`` of the write that ``submitter`` has in flight."""

    submitter: str = "CPU 1"
    index: int = 0
    name = "complete-bio"
    points = (
        "btrfs_endio_direct_write",
        "end_bio_extent_writepage",
        "wait_current_trans",
        "join_transaction",
        "btrfs_finish_ordered_io",
        "insert_reserved_file_extent",
        "btrfs_trans_release_metadata",
        "btrfs_end_transaction",
    )
