"""Known differences between model and kernel are known for what they are, and nothing else passes for one.

In the kernel's place is a second model that shows something else of itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from disagreeing import GEOMETRY, Unjudged, differs
from test_kernel_agreement import live, traced

from fuzz.targets.agreement.abstractions import ABSTRACTIONS
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.limits import ORPHAN, limit
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.pair import PATIENCE, Pair
from fuzz.targets.agreement.runs import Order, agree
from fuzz.targets.agreement.side import Inside
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    Crash,
    CreateBg,
    Free,
    Operation,
    Relocate,
    Snapshot,
    StartNocowDio,
    Step,
)

NEW = 40
"""The address of the block group that create-bg makes."""
CLEANER, PLACED = "the cleaner's clock", "which block group is allocated from"
PAGE_CACHE = "direct writes through the page cache"
FILLED = (CreateBg(), *[Allocate(4)] * 7)
"""The last one finds no room in the first block group."""


def by_one(*operations: Operation) -> tuple[Step, ...]:
    """One task does all of it."""
    return tuple(Step("CPU 1", operation) for operation in operations)


def known(pair: Pair) -> set[str]:
    """The known differences that were seen."""
    return set(pair.counts.abstractions)


def beside(side: type[ModelSide]) -> Pair:
    """The model, and that in the kernel's place."""
    return Pair(ModelSide(GEOMETRY), side(GEOMETRY), Counts())


class HasRemoved(Unjudged):
    """After a commit a block group is not there any more, as if its cleaner had been awake."""

    again = 0
    """The address of one that has come in its place."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(geometry)
        self.mounted = self.fs.device.superblock.generation

    def group_addresses(self) -> Mapping[int, int]:
        """Without that one."""
        groups = dict(super().group_addresses())
        if self.fs.device.superblock.generation > self.mounted:
            number = groups.pop(NEW, 0)
            if number and self.again:
                groups[self.again] = number
        return groups


class HadNothingInIt(HasRemoved):
    """And it was empty: what the model has there is elsewhere."""

    def extents_at(self, at: int) -> int:
        """None."""
        return 0 if at == NEW else super().extents_at(at)


class HasAnother(HasRemoved):
    """And another one, made in the same moment."""

    again = NEW + 1000


def test_an_empty_block_group_is_removed_by_a_clock() -> None:
    """If that were a disagreement, every long sequence had one."""
    pair = beside(HasRemoved)
    assert differs(pair, *by_one(CreateBg(), Commit())) == ""
    assert known(pair) == {CLEANER}


def test_a_block_group_that_is_not_empty_is_not_removed() -> None:
    """If the rule did not look on the other side, lost extents would be put down to the cleaner."""
    assert differs(beside(HasRemoved), *by_one(*FILLED, Commit())) == "groups"


def test_a_block_group_may_be_empty_on_the_other_side_only() -> None:
    """The allocators have a choice.  If block groups were compared further on, they would not agree again."""
    pair = beside(HadNothingInIt)
    assert differs(pair, *by_one(*FILLED, Commit())) == ""
    assert known(pair) == {PLACED}
    assert pair.names.apart


def test_a_block_group_may_be_removed_and_made_again_in_one_step() -> None:
    """If what is new were looked at first, it would have no counterpart."""
    pair = beside(HasAnother)
    assert differs(pair, *by_one(CreateBg(), Commit())) == ""
    assert pair.names.groups[NEW] == HasAnother.again


class CountsElsewhere(HasRemoved):
    """Blocks that the block groups count where no extent is."""

    def used(self) -> Mapping[int, int]:
        """Two blocks of one in the other, which the model's last commit has made."""
        used = dict(super().used())
        first, *_, last = sorted(used)
        return {**used, first: used[first] - 2, last: used[last] + 2} if len(used) > 2 else used


class PutsElsewhere(CountsElsewhere):
    """And extents are there."""

    def extents_at(self, at: int) -> int:
        """As it counts."""
        return self.used()[at] if at in self.used() else super().extents_at(at)


def test_only_extents_may_be_elsewhere_not_counts() -> None:
    """The two may use others: but what these count must be in them."""
    steps = by_one(CreateBg(), CreateBg(), Commit(), Commit())
    assert differs(beside(PutsElsewhere), *steps) == ""
    assert differs(beside(CountsElsewhere), *steps) == "used_of_each"


def test_who_uses_a_block_group_that_the_other_has_removed_is_not_relocated() -> None:
    """If he were, the two relocated other files, and waited for other writes."""
    pair = beside(HasRemoved)
    for step in by_one(CreateBg(), Commit()):
        assert pair.apply(step)
    assert pair.names.orphans == {NEW}
    assert limit(pair, Relocate(2)) == ""
    pair.model.fs.block_groups.tree[NEW].reserved += 1
    assert limit(pair, Relocate(2)) == ORPHAN


class IsSlow(Unjudged):
    """Whose commit is waited for, for so many looks."""

    looks = PATIENCE // 2

    def inside(self) -> Mapping[str, Inside]:
        """The commit has not come back yet."""
        waits = {"CPU 1": Inside(Commit(), "wait_for_commit")} if self.looks > 0 else {}
        return {**super().inside(), **waits}

    def settle_again(self) -> None:
        """It has come a little further."""
        self.looks -= 1


class Hangs(IsSlow):
    """For ever."""

    looks = 10 * PATIENCE


@pytest.mark.parametrize(("side", "seen"), [(IsSlow, ""), (Hangs, "wait")])
def test_a_slow_machine_is_no_disagreement(side: type[ModelSide], seen: str) -> None:
    """If nobody waited, a loaded machine would be one; if for ever, a task that hangs would be none."""
    assert differs(beside(side), *by_one(Commit())) == seen


# Programs that were disagreements once, on the live kernel

PREALLOC, NODATACOW = FileKind.PREALLOC, FileKind.NODATACOW


@live
@pytest.mark.parametrize(
    ("name", "files", "steps"),
    [
        (PLACED, (File(NODATACOW, 4),), by_one(*FILLED, Allocate(4), Commit(), Commit())),
        (
            CLEANER,
            (File(NODATACOW, 1),),
            (
                Step("CPU 1", Relocate(2)),
                Step("mount", Crash(2)),
                Step("CPU 1", StartNocowDio(0, 0, 1)),
                Step("CPU 2", Relocate(3)),
            ),
        ),
        (
            PAGE_CACHE,
            (File(PREALLOC, 3),),
            (
                Step("CPU 3", BufferedWrite(0, 0, 2)),
                Step("CPU 1", StartNocowDio(0, 1, 2)),
                Step("CPU 2", Snapshot()),
                Step("CPU 2", Free(0)),
            ),
        ),
    ],
)
def test_what_was_a_disagreement_is_known(
    name: str, files: tuple[File, ...], steps: tuple[Step, ...]
) -> None:
    """If one came again, its rule would have gone."""
    assert name in {one.name for one in ABSTRACTIONS}
    answer = agree(Order(0, 0, 1, 0, traced(*steps, files=files)))
    assert answer.disagreements == ()
    assert answer.counts.abstractions[name]
