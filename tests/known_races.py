"""The programs that are known by hand, of all subjects."""

from __future__ import annotations

import log_races
import programs
import upkeep_races
import write_races

from fuzz.case import Case
from models.geometry import File, FileKind, Geometry
from models.operations import Allocate, Clean, Commit, CreateBg, EndTransaction, Free, RunDelayedRefs, Step

FULL = Geometry(1, 4, 2, (File(FileKind.NODATACOW, 4),))
CREATION = {
    "2d6cd791e63e": Case(
        FULL,
        (
            Step("CPU 1", CreateBg()),
            Step("CPU 1", Allocate(1)),
            Step("CPU 2", Commit(), "write_one_cache_group"),
            Step("CPU 2", None, "write_one_cache_group"),
            Step("CPU 1", Free(1)),
            Step("CPU 1", EndTransaction()),
        ),
    ),
    "2d8e5168d48a": Case(
        Geometry(2, 4, 1, tuple(File(FileKind.NODATACOW, blocks) for blocks in (1, 3, 1))),
        (
            Step("CPU 1", CreateBg()),
            Step("CPU 1", Allocate(1)),
            Step("CPU 1", Allocate(1)),
            Step("CPU 1", Allocate(2)),
            Step("CPU 1", RunDelayedRefs()),
            Step("CPU 1", Free(5)),
            Step("CPU 1", EndTransaction(), "btrfs_trans_release_metadata"),
            Step("CPU 2", RunDelayedRefs(), "unused_bgs_lock"),
        ),
    ),
    "wrong/dev-extents-of-commit-root": Case(
        Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),)),
        (
            Step("CPU 1", Allocate(1)),
            Step("CPU 1", Commit()),
            Step("CPU 1", Free(1)),
            Step("CPU 1", RunDelayedRefs()),
            Step("CPU 1", Clean()),
            Step("CPU 1", Commit(), "TRANS_STATE_UNBLOCKED"),
            Step("CPU 2", CreateBg()),
        ),
    ),
    "wrong/listed-after-linked": Case(
        Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),)),
        (
            Step("CPU 1", CreateBg(), "btrfs_make_block_group"),
            Step("CPU 1", None, "btrfs_make_block_group"),
            Step("CPU 2", Allocate(1)),
            Step("CPU 2", RunDelayedRefs()),
            Step("CPU 2", Free(1)),
            Step("CPU 2", RunDelayedRefs()),
            Step("CPU 1"),
        ),
    ),
    "wrong/item-update-remembered-too-early": Case(
        FULL,
        (
            Step("CPU 1", Allocate(1), "btrfs_create_pending_block_groups"),
            Step("CPU 2", Allocate(1)),
            Step("CPU 2", Commit()),
        ),
    ),
}

PROGRAMS: dict[str, Case] = {
    **CREATION,
    **{race: programs.shortest(race) for race in programs.SHORTEST},
    **write_races.SHORTEST,
    **upkeep_races.SHORTEST,
    **log_races.SHORTEST,
}
"""A program that shows a race, by the race's id; random search has to find those that are not here."""
