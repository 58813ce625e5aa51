"""How fast cases are run: by the machine, by a machine that does nothing, by a hunt, and without checks.

A *choice* is one draw of a machine's rule, whether anything came of it or not, so that all are compared at
the same work.  Times are of the processor, not of the clock, but for those of several workers.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

from hypothesis import Phase, seed
from hypothesis.stateful import initialize, run_state_machine_as_test

from fuzz.case import Case, judge
from fuzz.database import open_database
from fuzz.garbage import collect_seldom
from fuzz.hunt.workers import Workers
from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES, machine_factory
from fuzz.options import PROFILES, Run, Shrink
from fuzz.random_cases import random_choices, run_machine
from fuzz.tally import Tally
from models.geometry import Geometry
from models.operations import Commit, CreateBg, EndTransaction, Step
from models.properties import When
from models.world import World
from strategies.geometries import geometries
from strategies.operations import Drawn, Resumed

PATIENCE = 600.0
"""Seconds that workers have for one measurement."""


class Speed(NamedTuple):
    """So many choices in so many seconds."""

    choices: int
    seconds: float

    def __add__(self, other: object) -> Speed:
        assert isinstance(other, Speed)
        return Speed(self.choices + other.choices, self.seconds + other.seconds)

    @property
    def cost(self) -> float:
        """Microseconds a choice."""
        return self.seconds / self.choices * 1e6

    def as_data(self) -> dict[str, object]:
        """For the log."""
        return self._asdict()


class NoOp(BlockGroupMachine):
    """Draws what the machine after it in the bases draws, and does nothing with it."""

    choices: ClassVar[int] = 0

    @initialize(geometry=geometries())
    def mkfs(self, geometry: Geometry) -> None:
        """Nothing."""

    def advance(self, choice: Drawn | Resumed) -> None:
        """Only counted."""
        del choice
        type(self).choices += 1

    def teardown(self) -> None:
        """Nothing was begun."""


def no_op(kind: type[BlockGroupMachine]) -> type[NoOp]:
    """A machine with the same rules and the same draws as that one."""
    drawn = {name: getattr(kind, name) for name in ("operations", "focus", "seldom")}
    return type(f"NoOp{kind.__name__}", (NoOp,), drawn)


class Unwatched(World):
    """The kernel model and the reference model alone: no property is asked."""

    final_crash = False

    def check(self, when: When, *, of_history: bool = False) -> None:
        """Check nothing."""


def timed(work: Callable[[], int]) -> Speed:
    """How long that takes; it returns how many choices it made.  Garbage is left alone as in a run."""
    collect_seldom()
    gc.collect()
    started = time.process_time()
    choices = work()
    return Speed(choices, time.process_time() - started)


def by_hypothesis(kind: type[BlockGroupMachine], number: int, cases: int, steps: int) -> Speed:
    """As ``pytest fuzz/`` runs the machine: every case is of mkfs and ``steps`` choices."""
    profile = replace(PROFILES["default"], examples=cases, steps=steps + 1)
    run = Run("default", profile, number, (), open_database([], must_exist=False), (), Shrink.NONE)
    tally = Tally()
    factory = seed(number)(machine_factory(kind, (), tally))
    settings = run.settings((Phase.generate,), None)

    def work() -> int:
        run_state_machine_as_test(factory, settings=settings)
        return cases * steps

    return timed(work)


def by_hunt(kind: type[BlockGroupMachine], number: int, cases: int, steps: int) -> Speed:
    """As a hunt walks."""

    def work() -> int:
        tally = Tally()
        for case in range(cases):
            run_machine(f"{number}/{case}", steps, kind=kind, tally=tally)
        return cases * steps

    return timed(work)


def by_kernel(kind: type[BlockGroupMachine], number: int, cases: int, steps: int) -> Speed:
    """The steps that a hunt would take, known before, in worlds that check nothing."""
    programs = []
    for case in range(cases):
        world = run_machine(f"{number}/{case}", steps, kind=kind)[0].world
        programs.append(Case(world.geometry, tuple(world.program)))

    def work() -> int:
        for program in programs:
            judge(program, Unwatched(program.geometry))
        return cases * steps

    return timed(work)


def by_nobody(kind: type[BlockGroupMachine], number: int, cases: int, steps: int) -> Speed:
    """Hypothesis runs a machine that does nothing."""
    idle = no_op(kind)
    speed = by_hypothesis(idle, number, cases, steps)
    assert idle.choices == speed.choices, "it draws as often as was asked for"
    return speed


WAYS: dict[str, Callable[[type[BlockGroupMachine], int, int, int], Speed]] = {
    "machine": by_hypothesis,
    "no-op machine": by_nobody,
    "hunt": by_hunt,
    "kernel model": by_kernel,
}
"""By name."""


def speed_of(way: str, number: int, cases: int, steps: int) -> Speed:
    """That way, ``cases`` of each machine."""
    return sum((WAYS[way](kind, number, cases, steps) for kind in MACHINES), Speed(0, 0.0))


class Walk(NamedTuple):
    """Cases to walk: ``cases`` of each machine, of ``steps`` choices, from this seed."""

    number: int
    cases: int
    steps: int


def walk_all(walk: Walk) -> Speed:
    """What a worker does."""
    return speed_of("hunt", *walk)


def by_workers(count: int, walk: Walk) -> Speed:
    """Each of ``count`` processes does all of it; by the clock."""
    with Workers[Walk, Speed](count, walk_all) as workers:
        _all_do(workers, count, walk._replace(cases=1, steps=1))  # they start, and import what they need
        started = time.perf_counter()
        speeds = _all_do(workers, count, walk)
        return Speed(sum(speed.choices for speed in speeds), time.perf_counter() - started)


def _all_do(workers: Workers[Walk, Speed], count: int, walk: Walk) -> list[Speed]:
    for _ in range(count):
        workers.start(walk)
    speeds: list[Speed] = []
    while len(speeds) < count:
        speeds += [speed for _, speed in workers.finished(PATIENCE)]
    return speeds


def on_file_systems(
    geometry: Geometry, groups: int, walk: Walk, kinds: Sequence[type[BlockGroupMachine]] = MACHINES
) -> Speed:
    """A hunt's cases on that file system, with more block groups until there are ``groups``."""
    total = Speed(0, 0.0)
    for kind in kinds:
        for case in range(walk.cases):
            total += _walk_on(geometry, groups, kind, f"{walk.number}/{case}", walk.steps)
    return total


def _walk_on(geometry: Geometry, groups: int, kind: type[BlockGroupMachine], name: str, steps: int) -> Speed:
    machine = kind((), Tally())
    machine.mkfs(geometry)
    while len(machine.world.fs.block_groups.tree) < groups:
        for operation in (CreateBg(), EndTransaction(), Commit()):
            assert machine.world.apply(Step("CPU 1", operation)), (
                f"{geometry} has no room for {groups} block groups"
            )
    _, picks = random_choices(name, steps, kind)

    def work() -> int:
        for pick in picks:
            machine.advance(pick.of(kind))
        machine.teardown()
        return steps

    return timed(work)
