"""Known differences between model and kernel are known for what they are, and nothing else passes for one.

In the kernel's place is a second model that shows something else of itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import pytest
from disagreeing import GEOMETRY, Unjudged, differs
from test_kernel_agreement import live, traced

from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.difference import Aspect
from fuzz.targets.agreement.limits import ORPHAN, limit
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.pair import Pair
from fuzz.targets.agreement.runs import Order, agree
from fuzz.targets.agreement.settling import MOST_LOOKS
from fuzz.targets.agreement.side import Ended, Files, Inside
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
    Writeback,
)
from models.world import Violation

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


class Leaks(HadNothingInIt):
    """And after the next commit three blocks are counted that nobody has."""

    def used(self) -> Mapping[int, int]:
        """Three more of the first."""
        used = dict(super().used())
        if self.fs.device.superblock.generation > self.mounted + 1:
            used[min(used)] += 3
        return used


def test_how_much_is_used_of_all_is_compared_to_the_end() -> None:
    """If it were not where block groups differ, whatever is lost from then on would be."""
    pair = beside(Leaks)
    assert differs(pair, *by_one(*FILLED, Commit(), Commit())) == "used"
    assert pair.names.apart


class HasReplacedIt(HadNothingInIt):
    """And another one, which is none of the model's."""

    again = NEW + 1000


def test_block_groups_are_not_compared_any_more_once_they_differ() -> None:
    """If the rest of the step still were, what is known would be a disagreement."""
    pair = beside(HasReplacedIt)
    assert differs(pair, *by_one(*FILLED, Commit())) == ""
    assert known(pair) == {PLACED}


class NeverShows(Unjudged):
    """A block group is not there from the beginning, whatever is in it."""

    def group_addresses(self) -> Mapping[int, int]:
        """Without that one."""
        return {at: number for at, number in super().group_addresses().items() if at != NEW}


def test_a_block_group_that_nobody_has_seen_may_be_empty_only() -> None:
    """If the cleaner's clock explained one that is in use, a relocation could lose what it moves."""
    assert differs(beside(NeverShows), *by_one(CreateBg())) == ""
    assert differs(beside(NeverShows), *by_one(Relocate(2))) == "groups"


class IsSlow(Unjudged):
    """An allocation comes back only after so many looks."""

    looks = MOST_LOOKS // 2

    def inside(self) -> Mapping[str, Inside]:
        """It has not come back yet."""
        waits = {"CPU 1": Inside(Allocate(1), "wait_current_trans")} if self.waiting else {}
        return {**super().inside(), **waits}

    @property
    def waiting(self) -> bool:
        """Whether it is on its way."""
        return self.looks > 0 and len(self.file_sizes()) > len(GEOMETRY.files)

    @property
    def quiet(self) -> bool:
        """Not while it is on its way."""
        return not self.waiting and super().quiet

    def ended(self) -> Sequence[Ended]:
        """Nobody, while it is on its way."""
        return [] if self.waiting else super().ended()

    def settle_again(self) -> None:
        """It has come a little further."""
        self.looks -= 1


class Hangs(IsSlow):
    """For ever."""

    looks = 10 * MOST_LOOKS


@pytest.mark.parametrize(("side", "seen", "slow"), [(IsSlow, "", 1), (Hangs, "wait", 0)])
def test_a_slow_machine_is_no_disagreement(side: type[ModelSide], seen: str, slow: int) -> None:
    """If nobody waited, a loaded machine would be one; if for ever, a task that hangs would be none; and if
    the step were judged by what was seen before, the file that it made would be unknown."""
    pair = beside(side)
    assert differs(pair, *by_one(Allocate(1))) == seen
    assert pair.counts.slow == slow
    assert pair.counts.looks[Aspect.WAIT] <= 1, "looking again and again is one comparison"


class ComesToALock(Unjudged):
    """A write stands somewhere on its way before it comes to where it waits."""

    looks = MOST_LOOKS // 2

    def inside(self) -> Mapping[str, Inside]:
        """At first somewhere, then at the inode lock."""
        where = "wait_current_trans" if self.looks > 0 else "btrfs_inode_lock"
        inside = super().inside()
        return {**inside, "CPU 2": Inside(inside["CPU 2"].operation, where)} if "CPU 2" in inside else inside

    def settle_again(self) -> None:
        """It has come a little further."""
        self.looks -= 1


def test_a_difference_that_becomes_a_known_one_is_one() -> None:
    """If it were judged as it was at first, it would depend on how soon somebody looked."""
    pair = beside(ComesToALock)
    writes = [Step(task, StartNocowDio(0, 0, 1)) for task in ("CPU 1", "CPU 2")]
    assert differs(pair, *writes) == ""
    assert "locks held for longer" in known(pair)


class LosesASnapshot(Unjudged):
    """The first one, as soon as another is being taken."""

    def snapshots(self) -> Sequence[Files]:
        """Without it."""
        taking = any(isinstance(one.operation, Snapshot) for one in self.inside().values())
        return super().snapshots()[taking:]


def test_a_snapshot_that_is_lost_is_seen_beside_another() -> None:
    """If snapshots were not counted while one is being taken, a loss of power would hide it."""
    steps = (
        Step("CPU 1", Snapshot()),
        Step("CPU 1", StartNocowDio(0, 0, 1)),
        Step("CPU 2", Snapshot()),
        Step("CPU 3", Snapshot()),
        Step("mount", Crash(0)),
    )
    assert differs(beside(Unjudged), *steps) == ""
    assert differs(beside(LosesASnapshot), *steps) == "snapshots"


class KeepsPages(Unjudged):
    """The first write never comes to be in flight."""

    def values_in_flight(self) -> Sequence[frozenset[int]]:
        """Without it."""
        return [values for values in super().values_in_flight() if 1 not in values]


@pytest.mark.parametrize(
    ("file", "block", "seen"),
    [(1, 0, ""), (1, 1, "in_flight"), (0, 0, "in_flight")],
    ids=["copied over", "elsewhere", "not through the page cache"],
)
def test_pages_stay_dirty_only_under_a_direct_write_that_is_copied_over_them(
    file: int, block: int, seen: str
) -> None:
    """If the rule were any wider, a writeback that forgets pages would pass."""
    pair = beside(KeepsPages)
    write = Step("CPU 2", StartNocowDio(file, block, 1))
    steps = [Step("CPU 1", BufferedWrite(file, 0, 1)), write]
    if block:
        steps.insert(1, Step("CPU 1", Writeback(file)))
    with pytest.raises(Violation, match=seen) if seen else nullcontext():
        for step in steps:
            assert pair.apply(step)
    assert (PAGE_CACHE in known(pair)) is not bool(seen)


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
    answer = agree(Order(0, 0, 1, 0, traced(*steps, files=files)))
    assert answer.disagreements == ()
    assert answer.counts.abstractions[name]
