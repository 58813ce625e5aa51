"""What a run shows of all that its searches found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from programs import ABORTS, CREATION, SHORTEST, reverts, shortest

from fuzz import shortest as room
from fuzz.case import Case, Verdict, run
from fuzz.options import Run, Shrink, make_run
from fuzz.report import Reproducer, as_found, render
from fuzz.shortest import finished
from fuzz.traces import loads
from models.geometry import File, FileKind, Geometry
from models.operations import Clean, Commit, Free, Relocate, Step

BALANCE = "67c5e7d464bc"
STUCK = Case(
    Geometry(groups=2, group_blocks=2, files=(File(FileKind.NODATACOW, 3),)),
    (
        Step("CPU 1", Free(0)),
        Step("CPU 1", Commit()),
        Step("CPU 1", Relocate(2), "btrfs_relocate_chunk"),
        Step("CPU 2", Clean()),
    ),
)
"""Nothing of it can be left out or lowered; but a block group may be empty from the start."""
LEAST = Case(
    Geometry(2, 2, 0, (File(FileKind.NODATACOW, 1),)),
    (Step("CPU 1", Clean(), "inc_block_group_ro"), Step("CPU 2", Relocate(3))),
)


def run_for(place: Path, *taken_out: str, shrink: Shrink = Shrink.STEPS) -> Run:
    """A run with these fixes out."""
    return make_run("default", {}, 1, taken_out, [str(place)], shrink=shrink)


def found(case: Case, revert: str) -> Reproducer:
    """As a search hands it over."""
    verdict = run(case, reverts(revert))
    assert verdict is not None
    return as_found(case, verdict.symptom, reverts(revert))


def nobody(name: str) -> None:
    """Nobody waits."""
    del name


def test_what_is_shown_is_the_least_program(tmp_path: Path) -> None:
    """If it were only what a search went downhill to, it could depend on where that began."""
    (shown,) = finished(run_for(tmp_path, BALANCE), [found(STUCK, BALANCE)], nobody)
    assert shown == render(LEAST, reverts(BALANCE))


def test_one_program_is_shown_for_each_property(tmp_path: Path) -> None:
    """If all that was found were made as short as can be, an easy race would take as long as all searches."""
    longer = Case(Geometry(), (Step("CPU 3", Commit()), *SHORTEST[CREATION]))
    several = [found(case, CREATION) for case in (longer, shortest(CREATION), longer)]
    told: list[str] = []
    (shown,) = finished(run_for(tmp_path, CREATION), several, told.append)
    assert told == [shown.property]
    assert loads(shown.trace).case.steps == SHORTEST[CREATION]
    assert shown == render(loads(shown.trace).case, reverts(CREATION))


def test_cases_are_shown_as_found_if_that_is_asked_for(tmp_path: Path) -> None:
    """If they were made shorter all the same, nobody could look at what a search really did."""
    several = [found(STUCK, BALANCE)]
    assert finished(run_for(tmp_path, BALANCE, shrink=Shrink.NONE), several, nobody) == several


def test_a_shorter_program_that_breaks_something_else_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it were, the headline would be about another property than the searches counted below it."""
    other = run(shortest(CREATION), reverts(CREATION))
    asked: list[str] = []

    def minimise(*told: object) -> Verdict:
        asked.append(str(told[-1]))
        assert other is not None
        return other

    monkeypatch.setattr(room, "minimise", minimise)
    one = found(STUCK, BALANCE)
    (shown,) = finished(run_for(tmp_path, BALANCE, CREATION), [one], nobody)
    assert asked == [one.property] != [ABORTS]
    assert shown.property == one.property
    assert loads(shown.trace).case == STUCK


@pytest.mark.parametrize(
    ("trouble", "why"),
    [(KeyboardInterrupt(), "interrupted"), (AssertionError("a mistake"), "AssertionError: a mistake")],
)
def test_what_was_found_is_shown_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, why: str
) -> None:
    """If impatience, or a mistake of the model, hid what searches found, all of them would have run for
    nothing."""

    def minimise(*told: object) -> Verdict:
        del told
        raise trouble

    monkeypatch.setattr(room, "minimise", minimise)
    (shown,) = finished(run_for(tmp_path, BALANCE), [found(STUCK, BALANCE)], nobody)
    plain = render(STUCK, reverts(BALANCE))
    assert shown == replace(plain, text=f"{plain.text}\nperhaps not the least program: {why}")
