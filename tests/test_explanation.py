"""Why a schedule fails, and what was checked of it: every sentence is held against runs of the program."""

from __future__ import annotations

from dataclasses import replace

import pytest
from programs import CREATION, RELOCATION, reverts

from fuzz.case import Case, run
from fuzz.certificate import certificate, is_minimal, left_out, lowered, one_after_the_other
from fuzz.explanation import Explanation, explain, points_passed
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Commit,
    CreateBg,
    Inject,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
    Trim,
)
from models.reverts import find_reverts

ROOM = Geometry(1, 2, 1, (File(FileKind.NODATACOW, 1),))
FULL = Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),))
WRITE = Step("CPU 1", StartNocowDio(), "can_nocow_extent")
LOST = Case(ROOM, (WRITE, Step("CPU 2", Relocate())))
ABORTS = Case(FULL, (Step("CPU 1", CreateBg()), Step("CPU 1", Allocate(1)), Step("CPU 2", Commit())))
TRIMMED = Case(
    ROOM,
    (Step("CPU 1", Trim(), "btrfs_discard_extent"), Step("CPU 2", Relocate()), Step("CPU 2", Relocate(3))),
)
STOPPED_IN_VAIN = (WRITE, Step("CPU 2", Relocate(), "btrfs_wait_nocow_writers"), Step("CPU 2"))
CASES = {RELOCATION: LOST, CREATION: ABORTS, "04216820fe83": TRIMMED}


def explained(race: str, case: Case) -> str:
    """The text."""
    return as_text(explain(case, reverts(race)))


def as_text(explanation: Explanation) -> str:
    """All of it."""
    return "\n".join((*explanation.why, explanation.nearest, *explanation.program))


def certified(race: str, case: Case) -> list[str]:
    """The lines."""
    verdict = run(case, reverts(race))
    assert verdict is not None
    return list(certificate(case, verdict, reverts(race)))


def test_a_preemption_that_matters_is_named() -> None:
    """If the sentence named another place, a developer would look there."""
    text = explained(RELOCATION, LOST)
    assert text.startswith("It takes CPU 1 stopped in start-nocow-dio at can_nocow_extent, or else at ")
    assert "nothing breaks" in text


@pytest.mark.parametrize("race", [RELOCATION, "04216820fe83"])
def test_the_places_that_are_named_fail_and_the_others_pass(race: str) -> None:
    """If one were on the wrong side, the sentence would be false."""
    case = CASES[race]
    sentence = " ".join(explained(race, case).split(";")[0].split())
    points = points_passed(case, 0, reverts(race))
    assert case.steps[0].until in points
    for point in points:
        moved = replace(case, steps=(replace(case.steps[0], until=point), *case.steps[1:]))
        assert (run(moved, reverts(race)) is not None) == (point in sentence), point


def test_a_preemption_that_does_not_matter_is_called_so() -> None:
    """If it were said to matter, the explanation would be wrong."""
    case = replace(LOST, steps=STOPPED_IN_VAIN)
    assert run(case, reverts(RELOCATION)) is not None
    text = explained(RELOCATION, case)
    assert "That CPU 2 stopped in relocate at btrfs_wait_nocow_writers is not what matters" in text


def test_an_order_that_matters_is_named() -> None:
    """If a race without a preemption had no explanation, its reader would be left alone."""
    text = explained(CREATION, ABORTS)
    assert text.startswith("The order matters: with CPU 2's commit before CPU 1's allocate, it passes.")


@pytest.mark.parametrize("race", CASES)
def test_the_nearest_schedule_passes(race: str) -> None:
    """If it failed, too, the difference between the two would explain nothing."""
    case = CASES[race]
    head, _, listing = explained(race, case).partition("nearest schedule that passes")
    assert head
    lines = listing.splitlines()[1:]
    failing = [line[2:] for line in lines if line[0] in " -"]
    assert failing == [str(step) for step in case.steps]
    passing = [line[2:] for line in lines if line[0] in " +"]
    known = {str(step): step for step in case.steps}
    known |= {
        str(other): other
        for step in case.steps
        for other in (replace(step, until=None), *(replace(step, until=p) for p in _points(step.operation)))
    }
    assert run(replace(case, steps=tuple(known[line] for line in passing)), reverts(race)) is None


def _points(operation: Operation | None) -> tuple[str, ...]:
    return operation.points if operation else ()


def test_where_no_single_choice_matters_that_is_said() -> None:
    """If some schedule were called the nearest that passes, and did not pass, it would mislead."""
    race = find_reverts(["c92f6be34c50"])
    case = Case(ROOM, (Step("fault", Inject("phase-2")), Step("CPU 1", CreateBg())))
    assert run(case, race) is not None
    text = as_text(explain(case, race))
    assert ("nearest" in text) != ("by itself" in text)


MINIMAL = "with any one step or preemption left out it passes"
LOWEST = "with any argument or number of the file system lowered it passes"
CONTROL = "with its tasks one after the other, in any order, it passes"


def test_a_minimal_reproducer_is_certified() -> None:
    """If the lines were missing where they hold, nobody would trust those that are there."""
    lines = certified(RELOCATION, LOST)
    assert lines[:2] == ["reproduced 3 of 3", "a second replayer agrees"]
    assert {MINIMAL, LOWEST, CONTROL} <= set(lines)
    assert lines[-1] == "with f78c436c3931 (relocation-vs-nocow) in, it passes"


@pytest.mark.parametrize(
    ("case", "missing"),
    [
        (replace(LOST, steps=(Step("CPU 3", Commit()), *LOST.steps)), MINIMAL),
        (replace(LOST, steps=STOPPED_IN_VAIN), MINIMAL),
        (replace(LOST, geometry=replace(ROOM, spare_chunks=3)), LOWEST),
        (replace(LOST, geometry=replace(ROOM, group_blocks=3)), LOWEST),
        (replace(LOST, geometry=Geometry(1, 4, 1, (File(FileKind.NODATACOW, 2),))), LOWEST),
    ],
)
def test_what_does_not_hold_is_not_certified(case: Case, missing: str) -> None:
    """If a line stood there although it does not hold, the certificate would be worth nothing."""
    assert run(case, reverts(RELOCATION)) is not None
    assert missing not in certified(RELOCATION, case)


def test_an_argument_that_is_too_high_is_noticed() -> None:
    """If only the geometry were lowered, a program could write more than is needed."""
    case = replace(ABORTS, steps=(ABORTS.steps[0], Step("CPU 1", Allocate(2)), ABORTS.steps[2]))
    symptom = "no_legal_schedule_aborts"
    assert run(case, reverts(CREATION)) is not None
    assert not is_minimal(case, reverts(CREATION), symptom)
    assert is_minimal(ABORTS, reverts(CREATION), symptom)


def test_a_race_that_needs_no_race_has_no_negative_control() -> None:
    """If the line stood there for a bug that shows in one order of whole tasks, it would not be a control."""
    assert CONTROL not in certified(CREATION, ABORTS)
    orders = list(one_after_the_other(ABORTS))
    assert len(orders) == 2
    assert any(run(order, reverts(CREATION)) is not None for order in orders)


def test_everything_is_left_out_once_and_everything_lowered() -> None:
    """If the certificate tried less than it says, it would be a lie."""
    assert len(list(left_out(LOST))) == 3
    case = Case(Geometry(2, 3, 1, (File(FileKind.NODATACOW, 2),)), (Step("CPU 1", StartNocowDio(0, 1, 2)),))
    changed = list(lowered(case))
    assert {other.steps[0].operation for other in changed} == {
        StartNocowDio(0, 1, 2),
        StartNocowDio(0, 0, 2),
        StartNocowDio(0, 1, 1),
    }
    geometries = {other.geometry for other in changed} - {case.geometry}
    assert replace(case.geometry, groups=1) in geometries
    assert replace(case.geometry, group_blocks=2) in geometries
    assert replace(case.geometry, spare_chunks=0) in geometries
    assert replace(case.geometry, files=(File(FileKind.NODATACOW, 1),)) in geometries
    assert case not in changed
