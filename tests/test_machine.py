"""The machine: names in the place of positions, no wasted step, and failures that are programs."""

from __future__ import annotations

import random

import pytest
from programs import (
    CONTENTS,
    CREATION,
    RELOCATION,
    SHORTEST,
    new_machine,
    reverts,
    run_machine,
)

from fuzz.case import Case, run
from fuzz.machine import TASKS, BlockGroupMachine, FoundFailure
from fuzz.machines import Everything, machine_factory
from fuzz.random_cases import random_geometry, random_pick
from fuzz.tally import Tally
from models.draining import next_to_drain
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
)
from models.world import World
from strategies.operations import Drawn, Resumed

SMALL = Geometry(2, 4, 3, (File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 2)))


def machine_on(geometry: Geometry = SMALL, *taken_out: str) -> Everything:
    """A machine on a fresh file system."""
    machine = Everything(reverts(*taken_out), Tally())
    machine.mkfs(geometry)
    return machine


def last_step(machine: BlockGroupMachine, choice: Drawn | Resumed) -> Step:
    """The step that a choice became."""
    before = len(machine.world.program)
    machine.advance(choice)
    assert len(machine.world.program) == before + 1, "one choice is one step"
    return machine.world.program[-1]


@pytest.mark.parametrize(
    ("drawn", "named"),
    [
        (StartNocowDio(0, 0, 1), StartNocowDio(0, 0, 1)),
        (StartNocowDio(3, 3, 2), StartNocowDio(1, 1, 1)),
        (StartNocowDio(2, 3, 2), StartNocowDio(0, 3, 1)),
        (Relocate(0), Relocate(2)),
        (Relocate(3), Relocate(3)),
        (CreateBg(), CreateBg()),
        (Allocate(4), Allocate(4)),
        (Commit(), Commit()),
    ],
    ids=str,
)
def test_positions_become_names(drawn: Operation, named: Operation) -> None:
    """If a position stayed in the trace, dropping an earlier step would change what a later one means."""
    assert last_step(machine_on(), Drawn(drawn)).operation == named


def test_a_bio_is_named_by_its_submitter() -> None:
    """If a bio were named by its place in the queue, a reproducer would complete another one."""
    machine = machine_on()
    machine.advance(Drawn(StartNocowDio(0, 0, 1)))
    machine.advance(Drawn(StartNocowDio(0, 1, 1)))
    assert last_step(machine, Drawn(CompleteBio(index=3), "join_transaction")) == Step(
        "kworker 1", CompleteBio("CPU 2", 0), "join_transaction"
    )
    assert last_step(machine, Drawn(CompleteBio(index=0))) == Step("kworker 2", CompleteBio("CPU 1", 0))


def test_tasks_are_taken_lowest_first() -> None:
    """If any idle task were as good, Hypothesis would look at every case six times over."""
    machine = machine_on()
    stop = "btrfs_relocate_chunk"
    assert last_step(machine, Drawn(Relocate(0), stop)).task == "CPU 1"
    assert last_step(machine, Drawn(StartNocowDio(), "can_nocow_extent")).task == "CPU 2"
    assert last_step(machine, Drawn(Allocate())).task == "CPU 3"
    assert last_step(machine, Drawn(Allocate())).task == "CPU 3", "CPU 3 is idle again"


def test_a_choice_for_a_task_in_a_handle_goes_to_one() -> None:
    """If handles were not told apart, an open transaction would be used by chance only."""
    machine = machine_on()
    machine.advance(Drawn(Relocate(0), "btrfs_relocate_chunk"))
    assert last_step(machine, Drawn(CreateBg())).task == "CPU 2"
    assert last_step(machine, Drawn(Allocate(), None, in_handle=True)).task == "CPU 2"
    assert last_step(machine, Drawn(Allocate(), None, in_handle=False)).task == "CPU 3"
    assert last_step(machine, Drawn(EndTransaction(), None, in_handle=True)).task == "CPU 2"


def test_resuming_counts_the_tasks_that_could_go_on() -> None:
    """If positions did not wrap, most resumptions would do nothing."""
    machine = machine_on()
    machine.advance(Drawn(Relocate(0), "btrfs_relocate_chunk"))
    machine.advance(Drawn(StartNocowDio(), "can_nocow_extent"))
    points = StartNocowDio.points
    assert last_step(machine, Resumed(3, len(points) + points.index("unlock_extent"))) == Step(
        "CPU 2", None, "unlock_extent"
    )
    assert last_step(machine, Resumed(0)) == Step("CPU 1")


@pytest.mark.parametrize(
    ("choice", "instead"),
    [
        (Resumed(0), Step("CPU 1", EndTransaction())),
        (Drawn(CompleteBio()), Step("CPU 1", EndTransaction())),
        (Drawn(StartNocowDio()), Step("CPU 1", EndTransaction())),
        (Drawn(Relocate()), Step("CPU 1", EndTransaction())),
    ],
)
def test_what_cannot_be_done_becomes_what_comes_anyway(choice: Drawn | Resumed, instead: Step) -> None:
    """If an impossible choice did nothing, a case would be shorter than it looks."""
    machine = machine_on()
    for name in TASKS:
        assert machine.world.apply(Step(name, CreateBg()))
    assert last_step(machine, choice) == instead


def test_ending_a_handle_that_nobody_has_becomes_what_comes_anyway() -> None:
    """If this draw were wasted, one in ten of all draws would be."""
    machine = machine_on()
    machine.advance(Drawn(Relocate(0), "btrfs_relocate_chunk"))
    assert last_step(machine, Drawn(EndTransaction(), None, in_handle=True)) == Step("CPU 1")


@pytest.mark.parametrize("seed", range(5))
def test_no_choice_is_wasted(seed: int) -> None:
    """If a choice did nothing where something could be done, cases would be shorter than they look."""
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal cases
    machine = new_machine(source)
    for _ in range(40):
        possible, before = next_to_drain(machine.world), len(machine.world.program)
        choice = random_pick(source, Everything).of(Everything)
        machine.advance(choice)
        assert possible is None or len(machine.world.program) == before + 1, choice


@pytest.mark.parametrize("seed", range(30))
def test_with_every_fix_in_random_cases_pass(seed: int) -> None:
    """If the model had a race of its own, or a property were wrong, some case would fail."""
    machine, failure = run_machine(seed, 50)
    assert failure is None, [str(step) for step in machine.world.program]
    assert machine.world.quiet


@pytest.mark.parametrize(("seed", "revert"), [(seed, revert) for revert in SHORTEST for seed in range(40)])
def test_a_failing_case_is_a_program_that_fails_again(seed: int, revert: str) -> None:
    """If the steps did not lead to the failure again, there would be nothing to minimise or to show."""
    machine, failure = run_machine(seed, 40, revert)
    if failure is None:
        assert run(Case(machine.world.geometry, tuple(machine.world.program)), reverts(revert)) is None
        return
    assert failure.case.geometry == machine.world.geometry
    verdict = run(failure.case, reverts(revert))
    assert verdict is not None
    assert str(verdict.first) == str(failure)
    assert verdict.world.program == list(failure.case.steps), "no step of it does nothing"


def test_a_failure_that_shows_only_at_the_end_is_found_at_the_end() -> None:
    """If the end of a case were not checked, a lost write would be found only if its bio was drawn."""
    machine = machine_on(Geometry(), RELOCATION)
    machine.advance(Drawn(StartNocowDio(), "can_nocow_extent"))
    machine.advance(Drawn(Relocate()))
    with pytest.raises(FoundFailure) as caught:
        machine.teardown()
    assert caught.value.case == Case(Geometry(), SHORTEST[RELOCATION])
    verdict = run(caught.value.case, reverts(RELOCATION))
    assert verdict is not None
    assert verdict.symptom.property == CONTENTS


def test_a_case_ends_the_same_way_when_its_program_is_run() -> None:
    """If the end came in another order, what failed at the end would pass when it is to be minimised."""
    machine = machine_on()
    machine.advance(Drawn(StartNocowDio(0, 0, 1)))
    machine.advance(Drawn(CompleteBio(), "join_transaction"))
    machine.advance(Drawn(StartNocowDio(0, 1, 1), "can_nocow_extent"))
    again = World(SMALL)
    for step in machine.world.program:
        assert again.apply(step)
    assert next_to_drain(again) == next_to_drain(machine.world)
    machine.teardown()
    again.finish()
    assert again.drained == machine.world.drained


def test_a_case_that_failed_is_not_run_on_but_counted() -> None:
    """If teardown went on with a dead file system, its failure would hide the first one."""
    machine = machine_on(Geometry(), CREATION)
    machine.advance(Drawn(CreateBg()))
    machine.advance(Drawn(Allocate(), None, in_handle=True))
    with pytest.raises(FoundFailure):
        machine.advance(Drawn(Commit()))
    machine.teardown()
    assert machine.tally.examples == 1
    assert machine.tally.steps == 3
    assert machine.tally.operations == {"create-bg": 1, "allocate": 1, "commit": 1}


def test_counts_add_up_over_machines() -> None:
    """If a machine kept its counts, the summary would show one case of thousands."""
    tally = Tally()
    factory = machine_factory(Everything, (), tally)
    for _ in range(3):
        machine = factory()
        machine.mkfs(SMALL)
        machine.advance(Drawn(StartNocowDio(), "can_nocow_extent"))
        machine.advance(Resumed(0))
        machine.teardown()
    assert (tally.examples, tally.steps) == (3, 6)
    assert tally.operations == {"start-nocow-dio": 3, "resume": 3}
    assert tally.stops == {"can_nocow_extent": 3}


def test_every_case_starts_on_the_geometry_that_was_drawn() -> None:
    """If the drawn file system were not used, all cases would run on the default one."""
    geometry = random_geometry(random.Random(5))  # noqa: S311 - equal seeds, equal cases
    assert geometry != Geometry()
    assert machine_on(geometry).world.geometry == geometry
