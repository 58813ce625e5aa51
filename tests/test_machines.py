"""The machines: between them every operation, shards take turns, and each replays its own failures only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import choices_to_bytes
from hypothesis.stateful import run_state_machine_as_test
from programs import ABORTS, CREATION, RELOCATION

from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES, TURNS, Creation, Everything, machine_factory
from fuzz.machines.writing import Overwriting
from fuzz.options import PROFILES, Run, Shrink, make_run
from fuzz.shards import fuzz_shard, machine_of, replay
from fuzz.tally import Tally
from models.operations import OPERATIONS, Operation
from models.syscalls import SYSCALLS
from strategies.operations import Drawn, Resumed


def test_every_operation_can_enter_the_kernel() -> None:
    """If one had no way into the kernel, drawing it would be a KeyError; a way for none is dead code."""
    assert SYSCALLS.keys() == set(OPERATIONS)
    assert len(set(OPERATIONS)) == len(OPERATIONS) == len({operation.name for operation in OPERATIONS})
    assert len({type(syscall) for syscall in SYSCALLS.values()}) == len(OPERATIONS)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_an_operation_is_data(kind: type[Operation]) -> None:
    """If two equal operations differed, no program could be compared with another, or tried once only."""
    operation = kind()
    assert operation == kind()
    assert hash(operation) == hash(kind())
    assert str(operation).split()[0] == kind.name
    assert kind.__doc__


def test_the_machines_together_do_everything() -> None:
    """If an operation were in no machine, it would never be fuzzed."""
    assert {kind for machine in MACHINES for kind in machine.operations} == set(OPERATIONS)
    assert set(Everything.operations) == set(OPERATIONS)


def test_machines_have_names_and_subjects_of_their_own() -> None:
    """If two had one name, they would share what is saved; if two did the same, one would be for nothing."""
    assert len({machine.__name__ for machine in MACHINES}) == len(MACHINES)
    assert len({frozenset(machine.operations) for machine in MACHINES}) == len(MACHINES)
    for machine in MACHINES:
        assert len(set(machine.operations)) == len(machine.operations), machine
        assert machine.__doc__ != BlockGroupMachine.__doc__, machine


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_watches_points_of_its_own_operations(machine: type[BlockGroupMachine]) -> None:
    """If a point of the focus were misspelt or of another subject, nothing would be watched there."""
    points = {point for kind in machine.operations for point in kind.points}
    assert set(machine.focus) <= points
    assert len(set(machine.focus)) == len(machine.focus)
    assert set(machine.seldom) < set(machine.operations)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_draws_the_operations_that_it_names(machine: type[BlockGroupMachine]) -> None:
    """If the rule drew others, controls and tests would try something else than the fuzzer does."""
    tally = Tally()
    quiet = settings(
        max_examples=40,
        stateful_step_count=30,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine_factory(machine, (), tally), settings=quiet)
    # A machine without bios of its own never draws the one; what comes anyway is no choice of its own.
    anyway = {"resume", "commit", "complete-bio", "end-transaction", "writeback"}
    names = {kind.name for kind in machine.operations}
    assert names <= set(tally.operations) <= names | anyway


def test_shards_take_turns() -> None:
    """If a machine had no turn, or one had most, a campaign would be about one subject."""
    for profile in PROFILES.values():
        turns = Counter(machine_of(shard) for shard in range(profile.shards))
        if profile.shards:
            assert set(turns) == set(MACHINES), "every profile has a shard for each of them"
            assert all(shards <= machine.turns * turns[Everything] for machine, shards in turns.items())
    assert [machine_of(shard) for shard in range(len(MACHINES))] == list(MACHINES)
    rounds, rest = divmod(PROFILES["default"].shards, len(TURNS))
    assert (rounds, rest) == (3, 0), "the default profile has whole rounds"
    assert Counter(TURNS) == {machine: machine.turns for machine in MACHINES}


def run_for(tmp_path: Path, *taken_out: str, steps: int = 40) -> Run:
    """A small run with these fixes out, which shows failures as they were found."""
    limits: dict[str, int | None] = {"shards": 1, "examples": 300, "steps": steps}
    return make_run("default", limits, 1, taken_out, [str(tmp_path)], shrink=Shrink.NONE)


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> set[type[BlockGroupMachine]]:
    """The kinds of the machines that make a choice from now on."""
    kinds: set[type[BlockGroupMachine]] = set()
    original = BlockGroupMachine.advance

    def advance(self: BlockGroupMachine, choice: Drawn | Resumed) -> None:
        kinds.add(type(self))
        original(self, choice)

    monkeypatch.setattr(BlockGroupMachine, "advance", advance)
    return kinds


def test_a_saved_failure_is_replayed_by_its_machine_only(
    tmp_path: Path, at_work: set[type[BlockGroupMachine]]
) -> None:
    """If another machine ran the choices, they would mean something else there, and the failure pass."""
    run = run_for(tmp_path, CREATION)
    assert machine_of(0) is Creation
    found = fuzz_shard(run, 0).reproducer
    assert found is not None
    assert found.property == ABORTS
    assert [machine for machine in MACHINES if run.database.of(machine.__name__).saved()] == [Creation]
    saved = run.database.saved()
    at_work.clear()
    total, again = replay(run)
    assert again.reproducer == found
    assert at_work == {Creation}
    assert total.tally.examples > 0
    assert total.failed == 1
    assert run.database.saved() == saved


def test_replay_reaches_every_machine(tmp_path: Path) -> None:
    """If replay ended with the first machine that passes, the others' failures would be forgotten."""
    run = run_for(tmp_path, CREATION, steps=40)
    last = len(MACHINES) - 1
    found = fuzz_shard(run, last).reproducer
    assert found is not None
    assert run.database.of(MACHINES[last].__name__).saved()
    for machine in MACHINES[:last]:
        run.database.of(machine.__name__).save(b"", choices_to_bytes([]))
    total, again = replay(run)
    assert again.reproducer == found
    assert total.failed == 1 < total.tally.examples


def test_replay_shows_all_that_fails(tmp_path: Path) -> None:
    """If replay ended with the first failure, what else was found would be forgotten, and seem to pass."""
    run = run_for(tmp_path, CREATION, RELOCATION)
    found = [fuzz_shard(run, MACHINES.index(machine)).reproducer for machine in (Creation, Overwriting)]
    assert None not in found
    total, *again = replay(run)
    assert [outcome.reproducer for outcome in again] == found
    assert len({outcome.reproducer.property for outcome in again if outcome.reproducer is not None}) == 2
    assert total.failed == len(run.database.saved()) == 2


def test_replay_of_nothing_does_nothing(tmp_path: Path) -> None:
    """If a replay generated cases of its own, it would not tell whether the saved ones pass."""
    (outcome,) = replay(run_for(tmp_path, CREATION))
    assert outcome.reproducer is None
    assert outcome.tally == Tally()
