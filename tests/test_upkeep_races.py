"""Controls of trim and scrub: each race fails in its shortest program, and only with its fix out."""

from __future__ import annotations

import pytest
from upkeep_races import SHORTEST

from models.reverts import find_reverts
from models.world import Violation, World

RACES = ("trim_vs_removal", "creation_vs_trim", "scrub_vs_cleaner", "scrub_vs_relocation")


def outcome(identity: str, *taken_out: str) -> str:
    """The property that the shortest program of a race breaks; empty if none."""
    case = SHORTEST[identity]
    world = World(case.geometry, find_reverts(taken_out))
    try:
        for step in case.steps:
            assert world.apply(step), step
        world.finish()
    except Violation as violation:
        return violation.property
    return ""


def test_every_race_has_a_program() -> None:
    """If one had none, nobody would know that it can happen."""
    files = {f"models.reverts.{name}" for name in RACES}
    there = {race.id for race in find_reverts(list(SHORTEST)) if race.overrides[0].__module__ in files}
    assert there == SHORTEST.keys()


@pytest.mark.parametrize("identity", SHORTEST)
def test_the_program_fails_without_the_fix(identity: str) -> None:
    """If it passed, the revert would not bring the race back."""
    (revert,) = find_reverts([identity])
    assert outcome(identity, identity) == revert.expected


@pytest.mark.parametrize("identity", SHORTEST)
def test_the_program_passes_with_the_fix(identity: str) -> None:
    """If it failed, the fix would not be one."""
    assert outcome(identity) == ""
