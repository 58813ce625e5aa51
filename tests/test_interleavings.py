"""Which interleavings a world saw, what is left to see, and why not the rest."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from fuzz.interleavings import Coverage, Estimate, WatchedWorld, estimate
from fuzz.interleavings.coverage import NO_RULE
from fuzz.interleavings.watched import HANDLE, kind_of, obstacle, pair, place
from fuzz.machines import MACHINES, Creation, Everything
from fuzz.random_cases import run_machine
from models.geometry import Geometry
from models.operations import (
    OPERATIONS,
    Commit,
    Crash,
    CreateBg,
    EndTransaction,
    Free,
    Relocate,
    Remount,
    StartNocowDio,
    Step,
)
from models.world import World

DIO, RELOCATE = StartNocowDio(0, 0, 1), Relocate(2)
AT = "can_nocow_extent"


def watched(*steps: Step) -> WatchedWorld:
    """A world in which each of these steps made sense."""
    world = WatchedWorld(Geometry())
    for step in steps:
        assert world.apply(step), step
    return world


def test_who_gets_on_while_another_stands() -> None:
    """If the pair of the second seed race were not seen, coverage would say that nobody had tried it."""
    world = watched(Step("CPU 1", DIO, AT), Step("CPU 2", RELOCATE, "prepare_to_relocate"))
    assert world.interleavings.reached == {pair(place("start-nocow-dio", AT), "relocate")}
    world.apply(Step("CPU 1"))
    added = {pair(place("relocate", "prepare_to_relocate"), "start-nocow-dio")}
    assert world.interleavings.reached >= added, "a task that goes on runs what it began"
    assert pair(place("start-nocow-dio", AT), "start-nocow-dio") not in world.interleavings.reached, (
        "not with itself"
    )


def test_who_has_to_wait_at_once_does_not_get_on() -> None:
    """If the mere attempt counted, a lock would hide that what it guards was never run."""
    world = watched(Step("CPU 1", RELOCATE, "prepare_to_relocate"), Step("CPU 2", RELOCATE))
    tried = pair(place("relocate", "prepare_to_relocate"), "relocate")
    assert tried not in world.interleavings.reached
    assert world.interleavings.obstacles == {f"{tried}: it waits for balance_mutex, held by the other"}
    assert world.interleavings.waits == {"relocate waits for balance_mutex, held by relocate"}


def test_what_is_refused_is_an_obstacle() -> None:
    """If a refusal were forgotten, a pair that the model excludes would look as if nobody had drawn it."""
    world = watched(Step("CPU 1", DIO, AT))
    assert not world.makes_sense(Step("CPU 2", Free(0)))
    assert world.interleavings.obstacles == {
        obstacle(pair(place("start-nocow-dio", AT), "free"), "it makes no sense")
    }
    assert not world.makes_sense(Step("CPU 1", Commit())), "a busy task says nothing of the others"
    assert len(world.interleavings.obstacles) == 1


def test_a_handle_is_held_by_no_operation() -> None:
    """If an idle task were looked up among the operations, a wait for its handle would be an error."""
    world = watched(Step("CPU 1", CreateBg()), Step("CPU 2", Commit()))
    assert world.has_handle("CPU 1")
    assert f"commit waits for num_writers == 1, held by {HANDLE}" in world.interleavings.waits
    world.apply(Step("CPU 1", EndTransaction()))
    assert world.interleavings.reached == set(), "nobody was stopped"


def test_a_crash_meets_who_stands_there() -> None:
    """If the standing were looked up after the step, a power cut would have met nobody."""
    world = watched(Step("CPU 1", DIO, AT), Step("mount", Crash()))
    assert pair(place("start-nocow-dio", AT), "crash") in world.interleavings.reached


def test_the_end_of_a_case_counts() -> None:
    """If what runs at the end were left out, pairs that were checked would be said to be missing."""
    world = watched(Step("CPU 1", DIO, AT), Step("CPU 2", RELOCATE, "prepare_to_relocate"))
    added = pair(place("relocate", "prepare_to_relocate"), "start-nocow-dio")
    assert added not in world.interleavings.reached
    world.finish()
    assert added in world.interleavings.reached


@pytest.mark.parametrize("number", range(0, len(MACHINES), 4))
def test_watching_changes_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the watcher had a say, what a hunt finds would not fail elsewhere."""
    machine, _ = run_machine(f"watch/{number}", 40, kind=MACHINES[number])
    assert machine.world.interleavings.reached | machine.world.interleavings.waits
    monkeypatch.setattr(WatchedWorld, "apply", World.apply)
    monkeypatch.setattr(WatchedWorld, "makes_sense", World.makes_sense)
    plain, _ = run_machine(f"watch/{number}", 40, kind=MACHINES[number])
    assert plain.world.sim.notes == machine.world.sim.notes
    assert not plain.world.interleavings.reached


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("transaction 17 unblocked", "transaction N unblocked"),
        ("lock_extent(file 0, 3-4)", "lock_extent(file N, N)"),
        ("num_writers == 1", "num_writers == 1"),
        ("IO of CPU 2 to file 1", "IO of CPU N to file N"),
        ("balance_mutex", "balance_mutex"),
    ],
)
def test_a_kind_of_wait_has_no_numbers(name: str, kind: str) -> None:
    """If each transaction were a kind of its own, a longer case would always see something new."""
    assert kind_of(name) == kind


def test_estimates_by_hand() -> None:
    """If a term were wrong, a hunt would be stopped too early; the figures are worked out by hand."""
    seen = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 9}
    # 9/10 * 4 * 3 / (2 * (1 + 1)) = 2.7
    told = estimate(seen, 10)
    assert told.reached == 6
    assert told.left == pytest.approx(2.7)
    assert told.new == pytest.approx(0.4)
    assert estimate({"a": 1}, 1) == Estimate(1, 0.0, 1.0)
    assert estimate({}, 0) == Estimate(0, 0.0, 0.0)


def test_estimates_of_what_is_known() -> None:
    """If it did not come near a number that is known, nobody should look at it: 500 equally likely species,
    ten to a case."""
    source = random.Random(3)  # noqa: S311 - equal seeds, equal samples
    cases = [set(source.sample(range(500), 10)) for _ in range(60)]
    seen = Counter(str(one) for case in cases for one in case)
    told = estimate(seen, len(cases))
    assert told.reached < 400, "else there is nothing to estimate"
    assert told.reached + told.left == pytest.approx(500, rel=0.1)
    after = [set(source.sample(range(500), 10)) - {int(one) for one in seen} for _ in range(200)]
    assert told.new == pytest.approx(sum(map(len, after)) / len(after), rel=0.15)


EVERY_NAME = frozenset(kind.name for kind in OPERATIONS)
CALM = Coverage(
    cases=9,
    operations=Counter(dict.fromkeys(EVERY_NAME, 5)),
    interleavings=Counter({pair(place("relocate", point), "clean"): 1 for point in Relocate.points}),
    waits=Counter(),
    obstacles=Counter(),
    machines={"One": EVERY_NAME, "Other": EVERY_NAME},
)
"""All operations ran, and a relocation stood everywhere."""


def reason(coverage: Coverage, point: str = "prepare_to_relocate") -> str:
    """Why no direct write got on while a relocation stood there."""
    return coverage.explained(Relocate, point, StartNocowDio).reason


def test_a_pair_without_a_rule_says_so() -> None:
    """If a reason were made up, nobody would look where the fuzzer is blind."""
    assert reason(CALM) == NO_RULE


def test_each_rule() -> None:
    """If a rule named the wrong reason, work would go to where nothing can be reached."""
    name = pair(place("relocate", "prepare_to_relocate"), "start-nocow-dio")
    waits, senseless = "it waits for x, held by the other", "it makes no sense"
    tried = replace(CALM, obstacles=Counter({f"{name}: {waits}": 3, f"{name}: {senseless}": 7}))
    assert reason(tried) == f"{senseless}; or {waits}"
    assert tried.explained(Relocate, "prepare_to_relocate", StartNocowDio).tried == 7
    assert reason(tried, "prepare_to_merge") == NO_RULE, "of that pair only"
    idle = replace(CALM, operations=CALM.operations - Counter({"start-nocow-dio": 5}))
    assert reason(idle) == "start-nocow-dio never ran"
    assert reason(replace(CALM, interleavings=Counter())) == "nobody got on while it stood there"
    apart = {"One": EVERY_NAME - {"relocate"}, "Other": EVERY_NAME - {"start-nocow-dio"}}
    assert reason(replace(CALM, machines=apart)) == "no machine draws both"
    assert reason(replace(CALM, machines={**apart, "All": EVERY_NAME})) == "no machine but All draws both"
    assert CALM.explained(Crash, "anywhere", Remount).reason == "one task does both (mount)"


def test_every_pair_is_reached_or_explained() -> None:
    """If a pair were in neither list, or in both, the matrix would not be what the lists say."""
    machine, _ = run_machine("coverage/1", 50, kind=Everything)
    coverage = machine.tally.coverage([Creation])
    never = list(coverage.never())
    known = {
        pair(place(kind.name, point), ran.name)
        for kind in OPERATIONS
        for point in kind.points
        for ran in OPERATIONS
    }
    assert len(known) == Coverage.total()
    assert set(coverage.interleavings) <= known, "nobody stands where no operation has a point"
    unseen = {pair(place(one.stopped, one.point), one.ran) for one in never}
    assert unseen == known - set(coverage.interleavings)
    assert len(never) + len(coverage.interleavings) == Coverage.total()
