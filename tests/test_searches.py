"""The searches that are measured against each other: what they draw, and who goes on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES, Creation, Everything
from fuzz.machines.writing import Overwriting
from fuzz.searches import OPERATIONS, ROUND, SEARCHES, Search, subject
from fuzz.searches.scheduled import Round
from fuzz.searches.uniform import uniform_choices
from fuzz.tally import Tally
from models.geometry import Geometry
from models.operations import OPERATIONS as KINDS
from models.operations import CompleteBio, CreateBg, EndTransaction, Relocate, StartNocowDio, Step
from models.reverts import catalogue, find_reverts
from models.simulation import State, Task
from models.target import in_turn
from models.world import World
from strategies.operations import Drawn, Resumed

OFTEN = "promised-and-reserved"
"""A race that most cases show."""


def fresh(kind: type[BlockGroupMachine] = Everything) -> BlockGroupMachine:
    """A machine on the plainest file system, all fixes in."""
    machine = kind((), Tally())
    machine.mkfs(Geometry())
    return machine


def chance() -> random.Random:
    """The same every time."""
    return random.Random(1)  # noqa: S311 - a fixed sample


def every_search() -> pytest.MarkDecorator:
    """All of them, by name."""
    return pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)


@every_search()
def test_every_search_finds_the_race_that_it_is_given(search: Search) -> None:
    """If a search ran with the fix in, or judged otherwise, it would find nothing, or something else."""
    (race,) = find_reverts([OFTEN])
    case = search.start(race)
    failure = next(failure for number in range(400) if (failure := case(f"seed {number}")) is not None)
    assert failure.violation.property == race.expected


@every_search()
def test_equal_seeds_are_equal_cases(search: Search) -> None:
    """If a case depended on more than its seed and on those before, no figure could be measured again."""
    (race,) = find_reverts([OFTEN])

    def failing() -> list[object]:
        case = search.start(race)
        failures = [case(f"seed {number}") for number in range(8)]
        return [failure and (failure.case, str(failure)) for failure in failures]

    assert failing() == failing()


def test_names_are_told_apart_and_told() -> None:
    """If two had one name, their trials would be one in the log."""
    assert len({search.name for search in SEARCHES}) == len(SEARCHES)
    assert all(search.told for search in SEARCHES)


def test_the_subject_is_the_machine_with_the_fewest_operations() -> None:
    """If it were another machine, the search that is told the subject would be told a worse one."""
    for race in catalogue():
        able = [
            machine
            for machine in MACHINES
            if set(race.operations) <= {operation.name for operation in machine.operations}
        ]
        assert subject(race) in able
        assert len(subject(race).operations) == min(len(machine.operations) for machine in able)


# The baseline


def test_the_baseline_draws_all_alike() -> None:
    """If it drew something less often, it would be no baseline: each operation, each stop, the end too."""
    machine, kinds, stops = fresh(), Counter[str](), Counter[str | None]()
    for choice in uniform_choices(chance(), machine, 40_000):
        kinds[type(choice.operation).name if isinstance(choice, Drawn) else "resume"] += 1
        if isinstance(choice, Drawn) and isinstance(choice.operation, CreateBg):
            stops[choice.until] += 1
    assert set(kinds) == {kind.name for kind in KINDS} | {"resume"}
    assert all(1_800 < count < 2_200 for count in kinds.values()), kinds
    assert set(stops) == {None, *CreateBg.points}
    assert max(stops.values()) < 1.3 * min(stops.values()), stops


def test_the_baseline_resumes_all_alike() -> None:
    """If only the first task went on, or only to its end, most interleavings would never be drawn."""
    machine = fresh()
    for task, until in (("CPU 1", "btrfs_make_block_group"), ("CPU 2", "join_transaction")):
        machine.apply(Step(task, CreateBg(), until))
    several: Counter[Step | None] = Counter()
    for choice in uniform_choices(chance(), machine, 60_000):
        if isinstance(choice, Resumed):
            several[machine.resume(choice)] += 1
    assert set(several) == {
        Step(task, None, until) for task in ("CPU 1", "CPU 2") for until in (None, *CreateBg.points)
    }
    assert max(several.values()) < 1.3 * min(several.values()), several


# Who goes on


def test_the_simplest_schedule_is_one_operation_after_the_other() -> None:
    """If a round did anything that its schedule did not say, the strategies would not be what is measured."""
    machine, world = fresh(Creation), World(Geometry())
    Round(machine, [Drawn(CreateBg()), Drawn(EndTransaction(), None, in_handle=True)], in_turn).run()
    for operation in (CreateBg(), EndTransaction()):
        world.apply(Step("CPU 1", operation))
    assert machine.world.program == world.program
    assert machine.world.sim.watch is None


def other(able: Sequence[Task], current: Task | None) -> Task:
    """Preempts wherever it can."""
    del current
    return able[-1]


def test_who_goes_on_is_asked_at_the_operations_own_points_and_no_others() -> None:
    """If other points counted, strategies would choose among interleavings that no other search draws."""
    world = World(Geometry())
    world.apply(Step("CPU 1", Relocate()))
    passed = Counter(world.sim.task("CPU 1").passed)
    assert not set(passed) <= set(Relocate.points)
    one = Round(fresh(), [Drawn(Relocate())], in_turn)
    one.run()
    asked = Counter(step.place.point for step in one.done.steps)
    assert asked == {"": 1} | {point: count for point, count in passed.items() if point in Relocate.points}


def test_an_operation_waits_until_it_makes_sense() -> None:
    """If it were dropped at once, a bio would complete only where it happened to be drawn in time."""
    machine = fresh(Overwriting)

    write, complete = Drawn(StartNocowDio()), Drawn(CompleteBio())
    Round(machine, [write, complete, complete], in_turn).run()
    assert [type(step.operation) for step in machine.world.program] == [
        StartNocowDio,
        CompleteBio,
        type(None),
    ]


def test_what_never_makes_sense_is_dropped() -> None:
    """If it stayed, the round would never end."""
    machine = fresh(Creation)
    never = Drawn(EndTransaction(), None, in_handle=True)
    Round(machine, [never, Drawn(CreateBg()), never, never], in_turn).run()
    assert [type(step.operation) for step in machine.world.program] == [CreateBg, EndTransaction]


def test_a_preempted_task_comes_to_its_end_in_the_round() -> None:
    """If a round ended while somebody could go on, the next one would begin in the middle of it."""
    machine = fresh(Overwriting)
    Round(machine, [Drawn(Relocate(2)), Drawn(StartNocowDio())], other).run()
    assert not machine.world.sim.runnable()
    assert State.PREEMPTED not in {task.state for task in machine.world.sim.tasks.values()}


def test_a_case_is_some_rounds() -> None:
    """If the last round were cut off, cases would be shorter than is said."""
    assert OPERATIONS % ROUND == 0
