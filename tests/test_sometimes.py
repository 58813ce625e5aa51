"""What a campaign must reach: each sentence can be reached, is counted, and is missed where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from programs import CREATION, RELOCATION, run_machine
from reaching import FULL, REACHING
from runs import fuzz

from fuzz.case import Case
from fuzz.options import Run, make_run
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.summary import never_reached, summary_lines
from fuzz.tally import Tally
from models.operations import Commit, Step
from models.sometimes import At, sentences, stack
from models.world import World

NAMES = [sentence.name for sentence in sentences()]
SMALL = ("--hypothesis-profile=long", "--fuzz-shards", "1", "--fuzz-examples", "3", "--fuzz-seed", "1")


def played(case: Case) -> World:
    """The case at its end."""
    world = World(case.geometry)
    for step in case.steps:
        assert world.apply(step), step
    world.finish()
    return world


def outcomes(*reached: str) -> list[tuple[str, Outcome]]:
    """What a search of one case that reached these would report."""
    tally = Tally(examples=1, steps=1)
    tally.reached.update(reached)
    return [("fuzz/test_block_groups.py::test_shard[0]", Outcome(tally, 1.0))]


def told(run: Run, reached: Sequence[str]) -> str:
    """The summary as one line."""
    return " ".join(" ".join(summary_lines(run, outcomes(*reached), [], 1.0, verbose=False)).split())


def test_every_sentence_has_a_program() -> None:
    """If one had none, a campaign could fail for something that cannot happen."""
    assert len(set(NAMES)) == len(NAMES)
    assert sorted(REACHING) == sorted(NAMES)
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_its_program_reaches_it(name: str) -> None:
    """If a sentence were never true, the long profile could never be green."""
    assert name in played(REACHING[name]).reached


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_program_does_not_reach_it(name: str) -> None:
    """If a sentence were always true, it would say nothing about a campaign."""
    assert name not in played(Case(FULL, (Step("CPU 1", Commit()),))).reached


@pytest.mark.parametrize("name", NAMES)
def test_it_takes_the_whole_program(name: str) -> None:
    """If the last step were not needed, the program would show something else than what is claimed."""
    case = REACHING[name]
    assert name not in played(Case(case.geometry, case.steps[:-1])).reached


def test_a_sentence_counts_once_a_case() -> None:
    """If it counted each time, the summary would not tell how many cases reach it."""
    machine, failure = run_machine(1, 50)
    assert failure is None
    reached = machine.world.reached
    assert len(reached) > 1
    assert len(set(reached)) == len(reached)
    assert machine.tally.reached == dict.fromkeys(reached, 1)


def test_the_stack_of_a_blocked_task() -> None:
    """If the stack were wrong, no sentence could tell one wait from another."""
    world = World(FULL)
    for step in REACHING["a_relocation_waits_for_a_nocow_writer"].steps:
        world.apply(step)
    functions = list(stack(world.sim.task("CPU 2")))
    assert functions[0] == "enter_kernel"
    assert functions.index("btrfs_relocate_chunk") < functions.index("btrfs_wait_nocow_writers")
    assert functions[-1] == "wait_event"
    assert list(stack(world.sim.task("nobody"))) == []


def test_each_is_looked_at_when_it_says() -> None:
    """If a kind of moment had no sentence, its look would cost time for nothing."""
    assert {sentence.at for sentence in sentences()} == set(At)


def test_tallies_add_up_what_was_reached_and_the_first_failure() -> None:
    """If a shard's counts were lost, a sentence would seem never to be reached."""
    first, second, third = Tally(examples=10), Tally(20, first_failure=7), Tally(30, first_failure=3)
    first.reached.update(["a", "b"])
    second.reached.update(["b"])
    for other in (second, third):
        first.merge(other)
    assert first.reached == {"a": 1, "b": 2}
    assert first.first_failure == 17
    again = Outcome.from_json(Outcome(first, 1.0).to_json())
    assert again.tally == first


def test_the_summary_names_what_was_never_reached(tmp_path: Path) -> None:
    """If it did not, nobody would know where the search is blind."""
    run = make_run("default", {}, 1, [], [str(tmp_path)])
    some = told(run, NAMES[1:])
    assert f"never: {NAMES[0].replace('_', ' ')}" in some
    assert f"{NAMES[1].replace('_', ' ')} 1" in some
    assert "must reach" not in some
    everything = told(run, NAMES)
    assert "never: nothing, each was reached" in everything
    assert never_reached(outcomes(*NAMES)) == []
    long = make_run("long", {}, 1, [], [str(tmp_path)])
    assert "must reach each" in told(long, NAMES[1:])


def test_counts_do_not_bury_a_reproducer(tmp_path: Path) -> None:
    """If they did, the program would be off the screen; with -v somebody asked for them."""
    run = make_run("long", {}, 1, [], [str(tmp_path)])
    best = [Reproducer(3, "what broke", "p")]
    for verbose in (True, False):
        lines = list(summary_lines(run, outcomes(*NAMES[1:]), best, 1.0, verbose=verbose))
        assert "what broke" in lines
        assert any(line.startswith("sometimes: ") for line in lines) is verbose
        assert any("must reach each" in line for line in lines) is verbose
        assert ("what was reached, and what never: -v" in lines) is not verbose


def test_a_long_run_that_misses_something_fails(tmp_path: Path) -> None:
    """If it passed, a search that became blind would stay green for ever."""
    missed = fuzz(*SMALL, "--database", str(tmp_path / "failures"))
    assert missed.code == 1, missed.out
    assert "1 passed" in missed.out
    assert any(line.startswith("never: ") for line in missed.section)
    assert "must reach each" in missed.out
    default = fuzz(*SMALL, "--hypothesis-profile=default", "--database", str(tmp_path / "failures"))
    assert default.code == 0, default.out
    assert any(line.startswith("never: ") for line in default.section)


def test_with_a_fix_out_nothing_must_be_reached(tmp_path: Path) -> None:
    """If it had to be, what a fix does could not happen without it, and the run would fail for that."""
    run = fuzz(*SMALL, "--revert", RELOCATION, "--database", str(tmp_path / "failures"))
    assert run.code == 0, run.out


def test_a_run_without_a_step_fails(tmp_path: Path) -> None:
    """If it passed, a fuzzer that does nothing would be green; the first example is the empty case."""
    empty = ("--fuzz-shards", "2", "--fuzz-examples", "1", "--database", str(tmp_path / "failures"))
    for workers in ("0", "2"):
        run = fuzz(*empty, "-n", workers)
        assert run.code == 1, run.out
        assert "no step was run, so nothing was tested" in run.out
        assert "2 passed" in run.out


def test_outcomes_go_to_a_file(tmp_path: Path) -> None:
    """If the file did not have what the summary has, a bench would measure something else."""
    file = tmp_path / "outcomes"
    options = ("--fuzz-shards", "2", "--fuzz-examples", "3", "--fuzz-seed", "1", "--fuzz-outcomes", str(file))
    for workers in ("0", "2"):
        run = fuzz(*options, "-n", workers, "--database", str(tmp_path / "failures"))
        assert run.code == 0, run.out
    lines = [Outcome.from_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [outcome.tally.examples for outcome in lines] == [3] * 4


def test_what_was_shown_is_the_last_of_the_outcomes(tmp_path: Path) -> None:
    """If the file ended with what a search found, a bench would judge programs that nobody sees."""
    file = tmp_path / "outcomes"
    options = ("--fuzz-shards", "1", "--fuzz-examples", "100", "--fuzz-steps", "20", "--fuzz-seed", "1")
    places = ("--fuzz-outcomes", str(file), "--database", str(tmp_path / "failures"))
    run = fuzz(*options, *places, "-n", "0", "--revert", CREATION)
    found, shown = (Outcome.from_json(line) for line in file.read_text(encoding="utf-8").splitlines())
    assert found.reproducer is not None
    assert shown.reproducer is not None
    assert found.tally.examples > 0 == shown.tally.examples
    assert "reproduced 3 of 3" not in found.reproducer.text
    assert shown.reproducer.text in run.out
