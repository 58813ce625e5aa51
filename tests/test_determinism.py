"""Equal steps, equal stories: whatever Python's hashes are, and however often they are run."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from programs import CREATION, RELOCATION, reverts, run_machine
from runs import ROOT, environment

from models.operations import Step
from models.simulation import Note
from models.world import Violation, World

SEEDS = range(12)
TAKEN_OUT: list[tuple[str, ...]] = [(), (CREATION,), (RELOCATION,), (CREATION, RELOCATION)]

OTHER_PROCESS = """
import sys
sys.path[:0] = ["tests", "."]
from test_determinism import digest
print(digest())
"""


def story(steps: list[Step], world: World) -> list[Note]:
    """What the steps tell on the file system of another world, to its very end."""
    again = World(world.geometry, world.reverts, run_on=True)
    try:
        for step in steps:
            assert again.apply(step)
        again.finish()
    except Violation:
        pass  # an abort: its story ends there
    return again.sim.notes


def digest() -> str:
    """Of the stories of many random cases, with fixes in and out."""
    total = hashlib.sha256()
    for taken_out in TAKEN_OUT:
        for seed in SEEDS:
            world = run_machine(seed, 40, *taken_out)[0].world
            total.update(repr(world.program).encode())
            total.update(repr(story(world.program, world)).encode())
            total.update(repr(sorted(world.stops.items())).encode())
    return total.hexdigest()


@pytest.mark.parametrize("taken_out", TAKEN_OUT, ids=lambda names: "+".join(names) or "none")
def test_running_it_again_tells_the_same(taken_out: tuple[str, ...]) -> None:
    """If a case left anything behind (a counter, a cache), the second run of a reproducer would differ."""
    for seed in SEEDS:
        world = run_machine(seed, 40, *taken_out)[0].world
        first, second = (story(world.program, world) for _ in range(2))
        assert first == second
        assert first[: len(world.sim.notes)] == world.sim.notes or world.violations


def test_random_cases_tell_something() -> None:
    """If the stories were empty or all alike, comparing them would prove nothing."""
    stories = [repr(run_machine(seed, 40)[0].world.sim.notes) for seed in SEEDS]
    assert len(set(stories)) == len(SEEDS)
    assert min(len(text) for text in stories) > 1000


def test_equal_steps_on_kernels_with_and_without_a_fix_differ() -> None:
    """If taking a fix out changed nothing, replaying with it in would not tell anything."""
    world = next(
        machine.world
        for machine, failure in (run_machine(seed, 40, CREATION) for seed in range(100))
        if failure is not None
    )
    fixed = World(world.geometry, reverts())
    for step in world.program:
        fixed.apply(step)
    assert fixed.sim.notes != world.sim.notes


def test_hashes_have_no_say() -> None:
    """If the order of a set reached a story, a worker could not repeat what another one found."""
    digests = {
        subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-c", OTHER_PROCESS],
            cwd=ROOT,
            env=environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert digests == {digest()}
