"""A short program for every race of trim and scrub, on the plainest file system that has it."""

from __future__ import annotations

from fuzz.case import Case
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Clean,
    Commit,
    CreateBg,
    Free,
    Operation,
    Relocate,
    Scrub,
    Step,
    Trim,
)

HALF = Geometry(1, 4, 2, (File(FileKind.NODATACOW, 2),))
"""One block group, half full."""
EMPTY_AT_THE_END = Geometry(2, 4, 3, (File(FileKind.NODATACOW, 4),))
"""A full block group and, at the end of what the device has, an empty one."""
TWO = Geometry(2, 4, 3, (File(FileKind.NODATACOW, 2),))
"""A half full block group and an empty one."""
SCATTERED = Geometry(
    3,
    4,
    1,
    (*[File(FileKind.NODATACOW, 2)] * 2, *[File(FileKind.NODATACOW, 1)] * 4),
)
"""A full block group, one with files of one block, and an empty one."""


def program(*written: tuple[int, Operation | None] | tuple[int, Operation | None, str]) -> tuple[Step, ...]:
    """Steps by number of the CPU."""
    return tuple(Step(f"CPU {cpu}", operation, *until) for cpu, operation, *until in written)


UNUSED = program((1, Free()), (1, Commit()))
"""Block group 2 is queued for the cleaner."""
TARGET = program((1, Scrub(5), "scrub_pause_on"), (2, Relocate(2), "relocate_file_extent_cluster"))
"""A relocation has preallocated in block group 5, which a scrub is about to make read-only."""

SHORTEST: dict[str, Case] = {
    "04216820fe83": Case(
        HALF,
        program((1, Trim(), "btrfs_discard_extent"), (2, Relocate()), (2, Commit()), (2, CreateBg())),
    ),
    "946ddbe805cb": Case(HALF, program((1, Trim(), "do_trimming"), (2, Relocate()), (1, None))),
    "1b9845081633/pinned": Case(
        EMPTY_AT_THE_END,
        program(
            (1, Trim(), "do_trimming"), (2, Relocate(3)), (2, Commit()), (2, CreateBg()), (2, CreateBg())
        ),
    ),
    "wrong/frozen-though-removed": Case(
        HALF, program((1, Trim(), "btrfs_trim_fs"), (2, Relocate()), (1, None))
    ),
    "wrong/frozen-looked-at-early": Case(
        HALF, program((1, Trim(), "btrfs_trim_block_group"), (2, Relocate(), "btrfs_del_item"))
    ),
    "wrong/pinned-not-searched": Case(
        HALF, program((1, Trim(), "do_trimming"), (2, Relocate()), (2, Commit()), (2, CreateBg()))
    ),
    "2e6e518335f8": Case(HALF, program((1, CreateBg(), "btrfs_add_block_group_cache"), (2, Trim()))),
    "758f2dfcf8a2": Case(TWO, UNUSED + program((1, Scrub(), "scrub_chunk"), (2, Clean()), (1, None))),
    "020d5b7366fc": Case(
        TWO, program((1, Scrub(), "btrfs_inc_block_group_ro"), (2, Relocate()), (1, None), (2, None))
    ),
    "wrong/queued-while-read-only": Case(
        TWO, UNUSED + program((1, Scrub(), "btrfs_dec_block_group_ro"), (2, Clean()), (1, None))
    ),
    "55e3a601c81c/pause": Case(
        Geometry(1, 2, 0, (File(FileKind.NODATACOW, 1),)),
        program((1, Scrub(), "scrub_enumerate_chunks"), (2, Allocate(2))),
    ),
    "432cd2a10f1c": Case(
        SCATTERED,
        program((1, CreateBg()), (1, Commit()), (1, Allocate(4)))
        + program((1, Free(1)), (1, Free(2)), (1, Free(4)), (1, Commit()))
        + TARGET
        + program((1, None), (2, None)),
    ),
    "6bd335b469f9": Case(
        TWO,
        program(
            (1, Scrub(3), "scrub_pause_on"),
            (2, Relocate(), "relocate_file_extent_cluster"),
            (1, None),
            (2, None),
        ),
    ),
}
