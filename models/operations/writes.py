"""Writing to files."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation
from models.operations.points import END_POINTS, RESERVE_POINTS


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
class CompleteBio(Operation):
    """The device completes bio ``index`` of the write that ``submitter`` has in flight."""

    submitter: str = "CPU 1"
    index: int = 0
    name = "complete-bio"
    points = (
        "btrfs_endio_direct_write",
        "wait_current_trans",
        "join_transaction",
        "btrfs_finish_ordered_io",
        "insert_reserved_file_extent",
        *END_POINTS,
    )
