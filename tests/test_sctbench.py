"""The programs of SCTBench: each fails as it is known to, and does not with its fix in."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase, InMemoryExampleDatabase

from fuzz.bench.sctbench import PUBLISHED
from models.sctbench import PROGRAMS, Program
from models.target import Run, run
from strategies.schedules import STRATEGIES, Conflicts, Pct, Strategy, drawn_by, informed, search
from strategies.schedules.strategy import Choose

FOUND_WITHIN = 400
"""Schedules: more than ten times the median of the slowest."""
FIXED = 300
"""Schedules that a fixed program has to pass, for each strategy."""
CHOICES = 5
"""How many choices other than 0 a shrunk schedule may have."""
MANY_TASKS = {"reorder_10", "reorder_20", "twostage_20"}
"""What the conflict-directed strategy alone finds soon enough."""


def programs() -> pytest.MarkDecorator:
    """A test for each program."""
    return pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


def seeded(seed: str) -> Choose:
    """Choices by a seed."""
    return random.Random(seed).randrange  # noqa: S311 - equal seeds, equal schedules


def test_there_are_enough_and_each_has_its_published_figures() -> None:
    """If a program were dropped, the yardstick would be shorter than it says."""
    assert {program.name for program in PROGRAMS} == set(PUBLISHED)
    assert len(PROGRAMS) == 17


@programs()
def test_the_bug_is_found(program: Program) -> None:
    """If a program could not fail, or failed otherwise, a figure for it would mean nothing."""
    found = search(program.build, Conflicts(), seeded(program.name), FOUND_WITHIN)
    assert found is not None
    assert found.run.broken == program.breaks


@programs()
def test_with_the_fix_in_nothing_is_found(program: Program) -> None:
    """If a fixed program failed, what is found would not be the known bug."""
    for strategy in STRATEGIES:
        found = search(program.fixed, strategy(), seeded(program.name), FIXED)
        assert found is None, f"{strategy.name}\n{found.run}"


def shrunk(
    program: Program,
    strategy: type[Strategy],
    phases: Sequence[Phase] = (Phase.generate, Phase.shrink),
    database: ExampleDatabase | None = None,
) -> tuple[Run, list[int]]:
    """What a failing schedule that Hypothesis drew comes down to, and its choices."""
    last: list[tuple[Run, list[int]]] = []

    @settings(
        max_examples=2_000,
        database=database,
        derandomize=database is None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def nothing_breaks(data: st.DataObject) -> None:
        choose, choices = drawn_by(data), list[int]()

        def noted(count: int) -> int:
            choices.append(choose(count))
            return choices[-1]

        done = run(program.build, informed(strategy, program.build).schedule(noted))
        last[:] = [(done, choices)]
        assert not done.broken

    with pytest.raises(AssertionError):
        nothing_breaks()
    return last[0]


def test_a_schedule_that_failed_is_saved_and_tried_again() -> None:
    """If a strategy remembered anything between examples, what was saved would be another schedule."""
    database = InMemoryExampleDatabase()
    program = next(program for program in PROGRAMS if program.name == "token_ring")
    first, choices = shrunk(program, Pct, database=database)
    again, same = shrunk(program, Pct, phases=[Phase.reuse], database=database)
    assert (again.steps, same) == (first.steps, choices)


@programs()
def test_a_schedule_that_hypothesis_drew_shrinks(program: Program) -> None:
    """If choices meant much each, or 0 were not the simplest, a failing schedule would stay what it was."""
    done, choices = shrunk(program, Conflicts if program.name in MANY_TASKS else Pct)
    assert done.broken == program.breaks
    assert sum(map(bool, choices)) <= CHOICES, f"{choices}\n{done}"
