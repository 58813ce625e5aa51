"""Controls: with a fix out, the search itself must find its race and come down to the shortest program."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import CREATION, EXPECTED, SHORTEST

from fuzz.options import PROFILES, Run, make_run
from fuzz.shards import Outcome, fuzz_shard, machine_of, replay
from fuzz.shortest import finished

EXAMPLES = 300
SHARDS = 9
"""Shards tried at most: one search may be unlucky, nine must not."""


def run_for(tmp_path: Path, seed: int, *taken_out: str, steps: int = 50) -> Run:
    """A run with these fixes out."""
    limits: dict[str, int | None] = {"shards": 1, "examples": EXAMPLES, "steps": steps}
    return make_run("default", limits, seed, taken_out, [str(tmp_path)])


def first_failure(run: Run) -> Outcome:
    """What the first shard found, of those whose machine has the operations of the race, that found any."""
    needed = {name for revert in run.reverts for name in revert.operations}
    shards = range(PROFILES["default"].shards)
    able = [s for s in shards if needed <= {operation.name for operation in machine_of(s).operations}]
    for shard in able[:SHARDS]:
        outcome = fuzz_shard(run, shard)
        if outcome.reproducer is not None:
            return outcome
    raise AssertionError(f"{SHARDS} searches of {EXAMPLES} cases found nothing")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("revert", SHORTEST)
def test_a_race_is_found_and_comes_down_to_a_few_steps(revert: str, seed: int, tmp_path: Path) -> None:
    """If a race that is there were not found, a green run would mean nothing."""
    run = run_for(tmp_path, seed, revert)
    found = first_failure(run).reproducer
    assert found is not None
    assert found.property == EXPECTED[revert]
    assert found.steps <= 2 * len(SHORTEST[revert]), "one search need not come down to the shortest of all"
    (shown,) = finished(run, [found], bool)
    assert shown.steps == len(SHORTEST[revert])
    assert "with any one step or preemption left out it passes" in shown.text
    assert run.database.saved() != []
    assert replay(run)[-1].reproducer == found


def test_with_the_fixes_in_nothing_is_found(tmp_path: Path) -> None:
    """If the search found races in the fixed kernel, finding them in a broken one would prove nothing."""
    limits: dict[str, int | None] = {"shards": 1, "examples": 100}
    run = make_run("default", limits, 1, [], [str(tmp_path)])
    outcome = fuzz_shard(run, 0)
    assert outcome.reproducer is None
    assert outcome.tally.examples >= 100
    assert run.database.saved() == []


def test_an_outcome_survives_the_way_from_a_worker(tmp_path: Path) -> None:
    """If counts or the report were lost on the way, a run on workers would show less than one without."""
    run = run_for(tmp_path, 1, CREATION)
    for outcome in (first_failure(run), *replay(run)):
        again = Outcome.from_json(outcome.to_json())
        assert again.reproducer == outcome.reproducer
        assert again.tally == outcome.tally
        assert again.seconds == outcome.seconds
        assert again.failed == outcome.failed
