"""Crash and remount bite: defects of order that only a loss of power shows are found, and by nothing else."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from planted_ordering import ORDERINGS, WINDOWS
from watched import override

from fuzz import machine as machines
from fuzz.interleavings import WatchedWorld
from fuzz.machine import FoundFailure
from fuzz.machines import Everything
from fuzz.tally import Tally
from models.operations import Crash, Operation
from models.properties import Mismatch
from strategies.operations import pools

STEPS = 50


def found_in(name: str, operations: Sequence[type[Operation]]) -> tuple[int, str] | None:
    """The number of the first random case that fails, and what it breaks."""
    choices = pools(*operations, focus=WINDOWS)
    for seed in range(ORDERINGS[name].cases):
        source = random.Random(f"{name}{seed}")  # noqa: S311 - equal seeds, equal cases
        machine = Everything([override(*ORDERINGS[name].rooms)], Tally())
        machine.mkfs(ORDERINGS[name].used.geometry)
        for step in ORDERINGS[name].used.steps:
            assert machine.world.apply(step)
        try:
            for _ in range(STEPS):
                machine.advance(source.choice(source.choice(choices)))
            machine.teardown()
        except FoundFailure as failure:
            return seed, failure.violation.property
    return None


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A world that does not crash at the end, and has not got the properties that need no crash."""
    blind = ORDERINGS[request.getfixturevalue("name")].also_seen_by

    class Judge(WatchedWorld):
        """The world of this test."""

        final_crash = False

        def complain(self, name: str, mismatch: Mismatch) -> None:
            """Not about these."""
            if name not in blind:
                super().complain(name, mismatch)

    monkeypatch.setattr(machines, "WatchedWorld", Judge)


@pytest.mark.usefixtures("judge")
@pytest.mark.parametrize("name", ORDERINGS)
def test_a_defect_of_order_is_found_with_the_crash_operation(name: str) -> None:
    """If it were not, a kernel that loses data in a power cut would pass."""
    assert found_in(name, (*ORDERINGS[name].operations, Crash)) is not None


@pytest.mark.usefixtures("judge")
@pytest.mark.parametrize("name", ORDERINGS)
def test_a_defect_of_order_is_not_found_without_it(name: str) -> None:
    """If it were, the test before would say nothing about crashes."""
    assert found_in(name, ORDERINGS[name].operations) is None
