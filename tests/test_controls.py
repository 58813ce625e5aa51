"""Controls: every fix in the catalogue, taken out alone, is found, and comes down to a few steps.

Without Hypothesis: random choices from what the machines choose from, as that is much faster.  A rare race
has a program that is known by hand instead.
:mod:`tests.test_controls_end_to_end` runs two of them through the search itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from known_races import PROGRAMS
from programs import run_machine

from fuzz import random_cases
from fuzz.case import Case, Verdict, run
from fuzz.certificate import left_out
from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES
from fuzz.minimise import Minimiser, case_of
from fuzz.random_cases import STEPS, machines_for
from models.reverts import Revert, catalogue, find_reverts

CASES = 1000
"""Random cases after which a race counts as not found: several times what the rarest takes on average."""
TRIES = 3
"""Failing cases that are minimised at most, as a run shows the shortest program of all its shards."""
LONGEST = 8
"""Steps of the shortest program at most."""
BATCHES, BATCH = 4, 25
"""How many random cases every machine runs with all fixes in, and how many of them one test does.

On all machines together more than any control may take."""
MANY = 7
"""Operations of the machine of a subject at most."""
ENTRIES = [pytest.param(revert, id=revert.id) for revert in catalogue()]


def failing_cases(revert: Revert) -> Iterator[Case]:
    """Random cases that break what is expected; for a rare race, the known one."""
    if revert.rare:
        yield PROGRAMS[revert.id]
        return
    for case in random_cases.failing_cases(revert, 0, CASES):
        assert run(case, ()) is None, "it fails with the fix in, too: this is another bug"
        yield case


def shortest(revert: Revert) -> Verdict:
    """The verdict on the shortest program that a few failing cases come down to."""
    best: Verdict | None = None
    for case in islice(failing_cases(revert), TRIES):
        verdict = Minimiser((revert,), revert.expected, thorough=False).minimise(case)
        if best is None or len(case_of(verdict).steps) < len(case_of(best).steps):
            best = verdict
        if len(case_of(best).steps) <= LONGEST:
            break
    assert best is not None, (
        f"not found in {CASES} cases of {[kind.__name__ for kind in machines_for(revert)]}"
    )
    return best


@pytest.mark.parametrize("revert", ENTRIES)
def test_a_fix_taken_out_is_found_and_comes_down_to_a_few_steps(revert: Revert) -> None:
    """If a race that is there were not found, a green run would mean nothing."""
    small = shortest(revert)
    program = case_of(small)
    assert revert.expected in small.world.violations
    assert len(program.steps) <= LONGEST, [str(step) for step in program.steps]
    assert run(program, ()) is None, "with the fix in it passes"
    for shorter in left_out(program):
        verdict = run(shorter, (revert,))
        assert verdict is None or revert.expected not in verdict.world.violations, shorter.steps


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("machine", MACHINES)
def test_with_every_fix_in_nothing_is_found(machine: type[BlockGroupMachine], batch: int) -> None:
    """If random cases found races in the fixed protocol, finding them in a broken one would prove nothing."""
    for number in range(batch * BATCH, (batch + 1) * BATCH):
        _, failure = run_machine(f"{machine.__name__} {number}", STEPS, kind=machine)
        assert failure is None, (str(failure), failure.case)


@pytest.mark.parametrize("race", PROGRAMS)
def test_a_known_program_shows_its_race(race: str) -> None:
    """If it did not, or failed with the fix in, the catalogue would tell a wrong story."""
    (revert,) = find_reverts([race])
    verdict = run(PROGRAMS[race], (revert,))
    assert verdict is not None
    assert revert.expected in verdict.world.violations
    assert run(PROGRAMS[race], ()) is None


def test_a_race_that_is_seldom_found_has_a_known_program() -> None:
    """If it had none, nobody would know that it can happen at all."""
    assert {revert.id for revert in catalogue() if revert.rare} <= PROGRAMS.keys()


def test_every_race_has_a_machine_of_its_subject() -> None:
    """If a race were left to the machine that does everything, it would be found by luck alone."""
    assert [revert.id for revert in catalogue() if len(machines_for(revert)[0].operations) > MANY] == []


def test_the_fixed_protocol_is_tried_at_least_as_often() -> None:
    """If it were tried less, that nothing was found would say less than that something was."""
    assert BATCHES * BATCH * len(MACHINES) >= CASES
