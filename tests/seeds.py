"""The two races that the project began with, as their commits tell them and as they are drawn here.

Run as a command it writes ``fuzz/SEEDS.md`` anew::

    python tests/seeds.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fuzz.case import Case
from fuzz.files import write_whole
from fuzz.report import text
from fuzz.story import tell
from models.geometry import File, FileKind, Geometry
from models.operations import Allocate, Commit, CreateBg, Relocate, StartNocowDio, Step
from models.reverts import find_reverts

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "fuzz" / "SEEDS.md"
HEAD = """\
# The two seed races, beside the commits that fix them

What the upstream commit message says, what is printed here, point by point and in one order; then both in
full. The programs follow the order of the commit messages, so they are not the shortest ones: those are in
`tests/regressions/`. Written by `python tests/seeds.py`; tests hold it to what is printed.
"""


@dataclass(frozen=True, slots=True)
class Seed:
    """A race: its commit, a program in the order that the message has, and what corresponds to what.

    ``points`` are quotes: from the message, and from the report here.  ``differs`` says what does not
    correspond.
    """

    commit: str
    case: Case
    points: tuple[tuple[str, str], ...]
    differs: str

    @property
    def upstream(self) -> str:
        """The part of the commit message that tells the race, with its subject."""
        return (ROOT / "tests" / "upstream" / f"{self.commit}.txt").read_text(encoding="utf-8").rstrip()

    @property
    def report(self) -> str:
        """What is printed here."""
        return text(tell(self.case, find_reverts([self.commit])))


CREATION = Seed(
    "ff1f8250a9e4",
    Case(
        Geometry(1, 4, 3, (File(FileKind.NODATACOW, 4),)),
        (Step("CPU 1", CreateBg()), Step("CPU 2", Allocate(1)), Step("CPU 2", Commit())),
    ),
    (
        ("creates the btrfs_block_group_cache item and adds it to the rbtree", "btrfs_make_block_group()"),
        (
            "adds the block_group_cache_item to a list of pending block groups in the transaction handle",
            "can be allocated from, its item is pending",
        ),
        (
            "phase 2 happens when btrfs_end_transaction() is called against the transaction handle",
            "block group 3: new, has no item",
        ),
        (
            "can use this block group for space allocations",
            "btrfs_reserve_extent() --> takes block 13 of block group 3",
        ),
        ("and therefore mark it dirty", "block group 3 is dirty, its item does not exist yet"),
        (
            "it calls btrfs_start_dirty_block_groups() which will see all dirty block groups",
            "btrfs_start_dirty_block_groups() --> takes block group 3",
        ),
        ("which means those block groups haven't gone through phase 2 yet", "which has no item yet"),
        (
            "the block group items in the extent tree and abort the current transaction with -ENOENT",
            "write_one_cache_group() --> transaction 2 aborted (-ENOENT)",
        ),
        ("turning the fs into readonly mode", "forced readonly"),
    ),
    "The commit has no diagram. It marks the block group dirty at the allocation; here that comes with the "
    "delayed reference, which the commit runs first.",
)
RELOCATION = Seed(
    "f78c436c3931",
    Case(
        Geometry(1, 4, 1, (File(FileKind.NODATACOW, 1),)),
        (
            Step("CPU 1", Relocate(2), "btrfs_relocate_chunk"),
            Step("CPU 2", StartNocowDio(0, 0, 1), "can_nocow_extent"),
            Step("CPU 1", None, "relocate_file_extent_cluster"),
            Step("CPU 2"),
            Step("CPU 1"),
        ),
    ),
    (
        ("btrfs_relocate_block_group(bg X)", "relocate group 2 -- preempted at btrfs_relocate_chunk"),
        (
            "direct IO write starts against an extent in block group X using nocow mode",
            "start-nocow-dio file 0 block 0 blocks 1",
        ),
        ("--> can_nocow_extent() returns 1", "can_nocow_extent() --> returns 1"),
        (
            "btrfs_inc_block_group_ro(bg X) --> turns block group into RO mode",
            "btrfs_inc_block_group_ro() --> block group 2 turns read-only",
        ),
        (
            "btrfs_wait_ordered_roots() --> returns and does not know about the DIO write",
            "btrfs_wait_ordered_roots() --> knows 0 ordered extents in block group 2",
        ),
        (
            "find_next_extent() --> returns extent that the DIO write is going to write to",
            "find_next_extent() --> returns block 9, to be moved",
        ),
        (
            "relocate_file_extent_cluster() --> reads the extent from disk into pages",
            "relocate_file_extent_cluster() --> reads block 9 of block group 2",
        ),
        (
            "--> creates DIO ordered extent",
            "btrfs_get_blocks_direct() --> ordered extent for block 9, in place",
        ),
        (
            "btrfs_submit_direct() --> submits bio against a location on disk",
            "btrfs_submit_direct() --> bio to block 9 in flight",
        ),
        (
            "btrfs_wait_ordered_range() --> writes all the pages read before to disk",
            "btrfs_wait_ordered_range() --> writes the copy to block 13",
        ),
        ("relocation finishes", "btrfs_remove_block_group() --> block group 2 is gone"),
        ("bio completes and wrote new data to the old location", "bio to block 9 completes"),
    ),
    "The commit says *data loss* in its first paragraph; here it is the last line, with the values. Where "
    "the copy goes, the commits and the wake-up are drawn here only.",
)
SEEDS = (CREATION, RELOCATION)


def document() -> str:
    """The comparison as Markdown."""
    return "\n".join([HEAD, *map(_section, SEEDS)])


def _section(seed: Seed) -> str:
    subject, _, message = seed.upstream.partition("\n\n")
    rows = "".join(f"| {_cell(theirs)} | {_cell(ours)} |\n" for theirs, ours in seed.points)
    return (
        f"## {seed.commit}: {subject}\n\n"
        f"| the commit says | printed here |\n|---|---|\n{rows}\n{seed.differs}\n\n"
        '<table>\n<tr><th>the commit message</th><th>printed here</th></tr>\n<tr valign="top"><td>\n\n'
        f"```\n{message}\n```\n\n</td><td>\n\n```\n{seed.report}\n```\n\n</td></tr>\n</table>\n"
    )


def _cell(words: str) -> str:
    return f"`{words}`"


if __name__ == "__main__":
    write_whole(DOCUMENT, document())
