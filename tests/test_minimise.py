"""The minimiser: from any failing case to the shortest program of its race, and to no other race."""

from __future__ import annotations

from dataclasses import replace

import pytest
from programs import (
    ABORTS,
    CONTENTS,
    CREATION,
    EXPECTED,
    RELOCATION,
    SHORTEST,
    failing_case,
    reverts,
    shortest,
)

from fuzz.case import Case, run
from fuzz.minimise import Minimiser, case_of, cost, minimise
from fuzz.minimise.lowered import joined_files
from fuzz.random_cases import failing_cases
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Free,
    Relocate,
    RunDelayedRefs,
    Snapshot,
    StartNocowDio,
    Step,
    Trim,
)

LARGE = Geometry(
    3, 8, 4, (File(FileKind.PREALLOC, 3), File(FileKind.NODATACOW, 4), File(FileKind.NODATACOW, 2))
)
LONG = {
    "creation, after much else": (
        CREATION,
        Case(
            LARGE,
            (
                Step("CPU 3", Relocate(4)),
                Step("CPU 1", StartNocowDio(1, 2, 2), "btrfs_submit_direct"),
                Step("CPU 2", Allocate(3)),
                Step("CPU 2", Commit()),
                Step("CPU 1"),
                Step("kworker 1", CompleteBio("CPU 1", 0)),
                Step("CPU 1"),
                Step("CPU 3", CreateBg()),
                Step("CPU 2", CreateBg()),
                Step("CPU 2", Allocate(4)),
                Step("CPU 2", Allocate(4)),
                Step("CPU 2", Allocate(4)),
                Step("CPU 2", Allocate(4)),
                Step("CPU 1", Commit()),
            ),
        ),
    ),
    "creation, with handles, preemptions and steps that do nothing": (
        CREATION,
        Case(
            LARGE,
            (
                Step("CPU 2", EndTransaction()),
                Step("CPU 3", CreateBg(), "btrfs_alloc_chunk"),
                Step("CPU 3", None, "btrfs_make_block_group"),
                Step("CPU 2", CreateBg()),
                Step("CPU 3"),
                Step("CPU 1", StartNocowDio(7, 0, 1)),
                *(Step("CPU 3", Allocate(4)) for _ in range(6)),
                Step("CPU 2"),
                Step("CPU 2", EndTransaction()),
                Step("CPU 1", Commit(), "TRANS_STATE_COMMIT_START"),
            ),
        ),
    ),
    "relocation, of the second of three": (
        RELOCATION,
        Case(
            replace(LARGE, group_blocks=4),
            (
                Step("CPU 2", CreateBg()),
                Step("CPU 2", EndTransaction()),
                Step("CPU 3", StartNocowDio(1, 3, 1), "btrfs_inc_nocow_writers"),
                Step("CPU 2", Allocate(1)),
                Step("CPU 1", Relocate(3)),
                Step("CPU 3"),
                Step("CPU 1"),
                Step("kworker 1", CompleteBio("CPU 3", 0)),
                Step("CPU 3"),
            ),
        ),
    ),
    "relocation, stopped and resumed": (
        RELOCATION,
        Case(
            Geometry(2, 4, 4, (File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 2))),
            (
                Step("CPU 3", StartNocowDio(1, 0, 1)),
                Step("kworker 1", CompleteBio("CPU 3", 0)),
                Step("CPU 1", StartNocowDio(0, 1, 2), "can_nocow_extent"),
                Step("CPU 3"),
                Step("CPU 2", Relocate(2), "btrfs_wait_nocow_writers"),
                Step("CPU 3", Commit()),
                Step("CPU 2", None, "prepare_to_merge"),
                Step("CPU 1", None, "btrfs_submit_direct"),
                Step("CPU 2"),
                Step("CPU 1"),
            ),
        ),
    ),
}
CASES = [pytest.param(*case, id=name) for name, case in LONG.items()]
RANDOM = [(CREATION, 0), (CREATION, 30), (CREATION, 100), (RELOCATION, 30)]


@pytest.mark.parametrize(("revert", "case"), CASES)
def test_a_long_case_becomes_the_shortest_program(revert: str, case: Case) -> None:
    """If the minimiser got stuck, a developer would read steps that have nothing to do with the race."""
    assert run(case, ()) is None, "the case is the race's"
    small = minimise(case, reverts(revert))
    assert case_of(small).steps == SHORTEST[revert]
    assert small.symptom.property == EXPECTED[revert]


@pytest.mark.parametrize(("revert", "seed"), RANDOM)
def test_a_random_case_becomes_as_short(revert: str, seed: int) -> None:
    """If the length depended on the case that was found, a report would show more than is needed."""
    case = failing_case(seed, revert)
    assert len(case.steps) > len(SHORTEST[revert])
    small = minimise(case, reverts(revert))
    assert cost(case_of(small)) <= cost(shortest(revert))
    assert small.symptom.property == EXPECTED[revert]


@pytest.mark.parametrize("revert", SHORTEST)
def test_the_shortest_program_stays_as_it_is(revert: str) -> None:
    """If the minimiser changed what is minimal, it would not end in the same program from everywhere."""
    small = minimise(shortest(revert), reverts(revert))
    assert case_of(small).steps == SHORTEST[revert]


@pytest.mark.parametrize("revert", SHORTEST)
def test_equal_cases_have_equal_results(revert: str) -> None:
    """If the minimiser drew or depended on the order of a set, a seed would not repeat a report."""
    case = [case for of, case in LONG.values() if of == revert][-1]
    first, second = (minimise(case, reverts(revert)) for _ in range(2))
    assert case_of(first) == case_of(second)
    assert first.world.sim.notes == second.world.sim.notes


@pytest.mark.parametrize("revert", SHORTEST)
def test_nothing_can_be_left_out_of_the_result(revert: str) -> None:
    """If a step, preemption or file more than needed were left, the report's certificate would be wrong."""
    case = [case for of, case in LONG.values() if of == revert][-1]
    small = case_of(minimise(case, reverts(revert)))
    steps = small.steps
    for index, step in enumerate(steps):
        shorter = replace(small, steps=steps[:index] + steps[index + 1 :])
        assert run(shorter, reverts(revert)) is None, step
        if step.until is not None:
            through = replace(small, steps=(*steps[:index], replace(step, until=None), *steps[index + 1 :]))
            assert run(through, reverts(revert)) is None, step
    assert (small.geometry.groups, small.geometry.group_blocks) == (1, 2)
    assert [file.kind for file in small.geometry.files] == [FileKind.NODATACOW]


@pytest.mark.parametrize(("revert", "case"), CASES)
def test_the_result_is_the_same_bug(revert: str, case: Case) -> None:
    """If minimising could slide to another race, the one that was found would be lost."""
    both = reverts(CREATION, RELOCATION)
    found = run(case, both)
    assert found is not None
    small = minimise(case, both)
    assert small.symptom.property == found.symptom.property or small.first.property == found.first.property
    assert small.symptom.property == EXPECTED[revert]
    assert [revert.id for revert in both if run(case_of(small), [revert]) is not None] == [revert]


def test_one_case_with_both_races_becomes_the_one_that_broke_first() -> None:
    """If the other race could take over, the order in which races are fixed would be the minimiser's."""
    steps = (*SHORTEST[RELOCATION], Step("CPU 1"), Step("kworker 1", CompleteBio("CPU 1", 0)), Step("CPU 1"))
    both = reverts(CREATION, RELOCATION)
    case = Case(replace(Geometry(), spare_chunks=5), (*steps, *SHORTEST[CREATION]))
    assert minimise(case, both).symptom.property == CONTENTS
    case = replace(case, steps=(*SHORTEST[CREATION], *steps))
    assert minimise(case, both).symptom.property == ABORTS


WRITES_TWICE = Case(
    Geometry(1, 2, 0, (File(FileKind.NODATACOW, 1),)),
    (
        Step("CPU 1", StartNocowDio()),
        Step("CPU 2", Snapshot()),
        Step("kworker 1", CompleteBio("CPU 1", 0)),
        Step("CPU 3", StartNocowDio()),
    ),
)


def test_a_step_goes_together_with_what_needed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """If only single steps were left out, a program would keep every pair of which neither can go alone."""
    (revert,) = reverts("wrong/snapshot-waits-before-announcing")

    def small() -> Case:
        return case_of(Minimiser((revert,), revert.expected, thorough=False).minimise(WRITES_TWICE))

    assert cost(small()) == 3
    monkeypatch.setattr("fuzz.minimise.search.smaller_by_two", lambda _: iter(()))
    assert cost(small()) == 4


def test_a_short_program_is_found_that_stops_somewhere_else() -> None:
    """If only the points were tried where the case stops, its program would never become this one."""
    (revert,) = reverts("8eaf40c0e24e")
    case = next(failing_cases(revert, 300, 300))
    small = case_of(Minimiser((revert,), revert.expected).minimise(case))
    assert (len(small.steps), cost(small)) == (3, 4)


UNUSED = "0657b20c5a76"
ALLOCATES_MUCH = Case(
    Geometry(group_blocks=3, files=(File(FileKind.NODATACOW, 1),)),
    (
        Step("CPU 1", CreateBg()),
        Step("CPU 1", Allocate()),
        Step("CPU 1", Allocate()),
        Step("CPU 1", Allocate()),
        Step("CPU 1", RunDelayedRefs()),
        Step("CPU 1", Free(3)),
        Step("CPU 2", Commit()),
    ),
)
"""Two of the files could have been there from the start."""
PREEMPTED = Case(
    Geometry(group_blocks=2, files=(File(FileKind.NODATACOW, 2),)),
    (
        Step("CPU 1", CreateBg()),
        Step("CPU 1", Allocate()),
        Step("CPU 1", RunDelayedRefs(), "alloc_reserved_file_extent"),
        Step("CPU 2", Commit()),
        Step("CPU 1"),
        Step("CPU 1", Free(1)),
    ),
)
"""Nobody has to be preempted, if the commit comes last."""


@pytest.mark.parametrize("case", [ALLOCATES_MUCH, PREEMPTED], ids=["files", "order"])
def test_a_case_comes_down_where_two_changes_are_one(case: Case) -> None:
    """If neither were tried together, each of these would be as short as it gets."""
    without = reverts(UNUSED)
    assert cost(case) == 7
    assert cost(case_of(Minimiser(without, thorough=False).minimise(case))) == 5


SMALL_FILES = Case(
    Geometry(group_blocks=3, files=(File(FileKind.NODATACOW, 1),) * 3),
    (
        Step("CPU 1", CreateBg()),
        Step("CPU 1", Allocate()),
        Step("CPU 2", Commit()),
        Step("CPU 1", Free(3)),
        Step("CPU 1", Commit()),
    ),
)


PINNED = "1b9845081633/pinned"
MAKES_MANY = Case(
    Geometry(group_blocks=2, spare_chunks=4, files=(File(FileKind.NODATACOW, 1),)),
    (
        Step("CPU 1", CreateBg()),
        Step("CPU 1", CreateBg()),
        Step("CPU 1", CreateBg()),
        Step("CPU 1", EndTransaction()),
        Step("CPU 2", Trim(5), "btrfs_trim_block_group"),
        Step("CPU 1", Relocate(5)),
        Step("CPU 1", Commit()),
        Step("CPU 1", CreateBg()),
        Step("CPU 1", CreateBg()),
    ),
)


def test_block_groups_that_only_have_to_be_there_are_there_from_the_start() -> None:
    """If each were made first, it would seem that making them has to do with the race."""
    small = case_of(Minimiser(reverts(PINNED), thorough=False).minimise(MAKES_MANY))
    assert (cost(MAKES_MANY), cost(small)) == (10, 6)
    assert [step.operation for step in small.steps].count(CreateBg()) == 2
    assert EndTransaction() not in [step.operation for step in small.steps]
    assert small.geometry.groups + small.geometry.spare_chunks < 5, "no more room than was there"


def test_files_that_only_fill_become_one() -> None:
    """If a full block group took a file for each block, nobody would see that it just has to be full."""
    small = case_of(Minimiser(reverts(UNUSED), thorough=False).minimise(SMALL_FILES))
    assert small.geometry == Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),))
    assert [step.operation for step in small.steps] == [CreateBg(), Allocate(), Commit(), Free(1), Commit()]


def test_a_write_to_the_second_of_two_files_that_become_one_stays_where_it_is() -> None:
    """If its block were not counted anew, it would write somewhere else, and most cases would pass."""
    files = (File(FileKind.NODATACOW, 2), File(FileKind.NODATACOW, 2), File(FileKind.NODATACOW, 1))
    steps = tuple(Step("CPU 1", StartNocowDio(file, 1, 1)) for file in (0, 1, 2))
    first, second = joined_files(Case(Geometry(2, 4, 1, files), steps))
    assert [step.operation for step in first.steps] == [
        StartNocowDio(0, 1, 1),
        StartNocowDio(0, 3, 1),
        StartNocowDio(1, 1, 1),
    ]
    assert [step.operation for step in second.steps] == [
        StartNocowDio(0, 1, 1),
        StartNocowDio(1, 1, 1),
        StartNocowDio(1, 3, 1),
    ]
    assert [len(case.geometry.files) for case in (first, second)] == [2, 2]


def test_a_passing_case_is_refused() -> None:
    """If a passing case were taken for a failing one, a report would be made of nothing."""
    for revert in SHORTEST:
        with pytest.raises(ValueError, match="does not fail"):
            minimise(shortest(revert), ())
    with pytest.raises(ValueError, match="does not fail"):
        minimise(Case(Geometry(), ()), reverts(CREATION, RELOCATION))
