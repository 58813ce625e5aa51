"""What every rule-based machine does with a choice; the machines themselves are in :mod:`fuzz.machines`.

Thin on purpose.  A machine picks the task that runs the drawn operation, and what its positions stand for;
the world does the rest, checks included (in :meth:`models.world.World.apply`, not as invariants).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache, cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast

from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fuzz.case import Case
from fuzz.interleavings import WatchedWorld
from fuzz.tally import Tally
from fuzz.targets import Target
from models.geometry import Geometry
from models.operations import CompleteBio, Operation, Step
from models.reverts import Revert
from models.world import Violation
from strategies.geometries import geometries
from strategies.operations import Drawn, Resumed, choices, stopping_points

W = TypeVar("W", bound=Target)
TASKS = ("CPU 1", "CPU 2", "CPU 3")


@cache
def field_names(kind: type) -> tuple[str, ...]:
    """The names of the operation's fields."""
    return tuple(field.name for field in fields(kind))


class FoundFailure(Exception):  # noqa: N818 - a finding, not a mistake of the fuzzer
    """A case breaks a property.  Carries the case as data; Hypothesis shrinks whatever raises it."""

    def __init__(self, violation: Violation, case: Case) -> None:
        self.violation, self.case = violation, case
        super().__init__(str(violation))


class TargetMachine(RuleBasedStateMachine, Generic[W]):
    """Tasks on a small file system of some target, in any order that it allows.

    A subclass has the ``operations`` that they do, in ``focus`` the points at which they stop more often, in
    ``seldom`` the operations that are rarer than the rest, and in ``turns`` its number of shards in a round.
    It gets one rule with one packed choice: with a rule for each operation, swarm testing switched off what
    the others were waiting for, a quarter of the cases ended at once, and races were found later.
    """

    operations: ClassVar[tuple[type[Operation], ...]] = ()
    focus: ClassVar[tuple[str, ...]] = ()
    seldom: ClassVar[tuple[type[Operation], ...]] = ()
    turns: ClassVar[int] = 1
    step: ClassVar[Callable[[Any, Drawn | Resumed], None]]

    def __init_subclass__(cls) -> None:
        """Its one rule: one choice among these operations, or going on with a paused task."""

        @rule(choice=choices(*cls.operations, focus=cls.focus, seldom=cls.seldom))
        def step(self: TargetMachine[Any], choice: Drawn | Resumed) -> None:
            self.advance(choice)

        cls.step = step

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        self.failed = False

    @cached_property
    def world(self) -> W:
        """The case; with a default geometry until ``mkfs`` has run."""
        return self.new_world(Geometry())

    def new_world(self, geometry: Geometry) -> W:
        """A fresh case of the target."""
        raise NotImplementedError

    def count(self) -> None:
        """Count the case in the tally."""
        raise NotImplementedError

    @initialize(geometry=geometries())
    def mkfs(self, geometry: Geometry) -> None:
        """Every case starts on a fresh file system."""
        self.world = self.new_world(geometry)

    def advance(self, choice: Drawn | Resumed) -> None:
        """A task starts an operation, or a paused one goes on."""
        step = self.resume(choice) if isinstance(choice, Resumed) else self.start(choice)
        if step is None or not self.world.makes_sense(step):
            # What cannot be done now becomes what would be done if nobody chose: no draw is wasted.
            step = self.world.next_to_drain()
        self.apply(step)

    def resume(self, choice: Resumed) -> Step | None:
        """A paused task that could go on."""
        runnable = self.world.runnable()
        if not runnable:
            return None
        task, able = runnable[choice.position % len(runnable)]
        points = stopping_points(able, self.focus)
        until = None if choice.point is None else points[choice.point % len(points)]
        return Step(task, None, until)

    def start(self, choice: Drawn) -> Step | None:
        """Give the drawn operation to a task, with names in the place of positions."""
        operation = self.name_things(choice.operation)
        if operation is None:
            return None
        if isinstance(operation, CompleteBio):
            return Step(self.world.idle_worker(), operation, choice.until)
        if operation.task:
            return Step(operation.task, operation, choice.until)
        idle = [task for task in TASKS if self.world.idle(task)]
        # Tasks are interchangeable but for the handle that they may hold: take the lowest.
        idle.sort(key=lambda task: self.world.has_handle(task) != choice.in_handle)
        return Step(idle[0], operation, choice.until) if idle else None

    def name_things(self, operation: Operation) -> Operation | None:
        """The operation with positions replaced by existing files, block groups and bios (modulo their
        number); None if there are none.

        What a position stands for is said by the name of its field, in every operation alike.
        """
        if isinstance(operation, CompleteBio):
            in_flight = self.world.in_flight()
            return in_flight[operation.index % len(in_flight)] if in_flight else None
        kind: type = type(operation)
        names = {name: getattr(operation, name) for name in field_names(kind)}
        if "group" in names:
            groups = self.world.data_groups()
            if not groups:
                return None
            names["group"] = groups[names["group"] % len(groups)]
        if "file" in names:
            sizes = self.world.file_sizes()
            if not sizes:
                return None
            names["file"] = sorted(sizes)[names["file"] % len(sizes)]
            size = sizes[names["file"]]
            if "block" in names:
                names["block"] %= size
                names["blocks"] = min(names["blocks"], size - names["block"])
        return cast("Operation", kind(**names)) if names else operation

    def apply(self, step: Step | None) -> None:
        """Take a step, if there is one.  Raises FoundFailure, which carries the program so far."""
        try:
            if step is not None:
                self.world.apply(step)
        except Violation as violation:
            raise self.failure(violation) from violation
        except Exception:
            self.failed = True  # a mistake in the model: what the end of the case says would only hide it
            raise

    def failure(self, violation: Violation) -> FoundFailure:
        """What to raise: the violation, with the program that leads to it."""
        self.failed = True
        self.tally.first_failure = self.tally.first_failure or self.tally.examples + 1
        return FoundFailure(violation, Case(self.world.geometry, tuple(self.world.program)))

    def teardown(self) -> None:
        """Let everything come to its end and check that it can; count the case.  Raises FoundFailure."""
        try:
            if not self.failed:
                self.world.finish()
        except Violation as violation:
            raise self.failure(violation) from violation
        finally:
            self.count()
            self.world.close()


class BlockGroupMachine(TargetMachine[WatchedWorld]):
    """A machine on the model, with the fixes of ``reverts`` taken out."""

    def __init__(self, reverts: Sequence[Revert], tally: Tally) -> None:
        super().__init__(tally)
        self.reverts = reverts

    def new_world(self, geometry: Geometry) -> WatchedWorld:
        """A world that remembers its interleavings."""
        return WatchedWorld(geometry, self.reverts)

    def count(self) -> None:
        """All that such a world remembers."""
        self.tally.add(self.world)
