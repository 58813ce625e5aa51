"""The races of writes: a short program for each, that fails with the fix out and passes with it in."""

from __future__ import annotations

import pytest
from write_races import NODATACOW, SHORTEST, WRITE

from fuzz.case import Case, run
from models.operations import (
    Snapshot,
    Step,
    Writeback,
)
from models.reverts import find_reverts


@pytest.mark.parametrize("race", SHORTEST)
def test_a_race_shows_in_its_program(race: str) -> None:
    """If it did not, the revert would not bring the race back."""
    (revert,) = find_reverts([race])
    verdict = run(SHORTEST[race], (revert,))
    assert verdict is not None
    assert revert.expected in (verdict.first.property, verdict.symptom.property)


@pytest.mark.parametrize("race", SHORTEST)
def test_with_the_fix_in_the_program_passes(race: str) -> None:
    """If it failed, something else would be wrong."""
    assert run(SHORTEST[race], ()) is None


def test_writeback_alone_races_with_a_snapshot_too() -> None:
    """If only direct writes did, v4.9's guard in run_delalloc_nocow would have been for nothing."""
    steps = (
        Step("CPU 2", Snapshot(), "btrfs_wait_ordered_extents"),
        Step("CPU 1", WRITE),
        Step("CPU 1", Writeback(0)),
        Step("CPU 2"),
    )
    verdict = run(Case(NODATACOW, steps), find_reverts(["e9894fd3e3b3"]))
    assert verdict is not None
    assert verdict.first.property == "a_snapshot_stays_as_it_was_taken"
    assert run(Case(NODATACOW, steps), ()) is None
