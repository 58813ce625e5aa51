"""Searches in guests, each case in one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hypothesis import Phase

from fuzz.case import Case
from fuzz.database import NamedDatabase
from fuzz.options import Run, Shrink
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.targets.machines import RealFailure, left
from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.machine import QemuMachine, qemu_machines
from fuzz.targets.qemu.requirements import ready
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.script import switches_of
from fuzz.targets.qemu.switches import Switch
from fuzz.targets.qemu.world import fresh_world
from fuzz.targets.report import render
from fuzz.targets.searching import replayed, search
from fuzz.targets.shortening import shorter
from models.world import Violation

SHORTENING = 25
"""Guests that making a failing program shorter may take."""


def qemu_shard(run: Run, shard: int) -> Outcome:
    """Generate cases up to the first that fails; that is saved, and made shorter.

    Raises TargetUnavailable, also where a guest is not as it should be.
    """
    number, turn = divmod(shard, len(qemu_machines()))
    machine = qemu_machines()[turn]
    phases = (Phase.generate, Phase.shrink) if run.shrink is Shrink.BOTH else (Phase.generate,)
    database = run.database.of(machine.__name__)
    return Search(run).of(machine, run.search_seed(machine.__name__, number), phases, database)


def qemu_replay(run: Run) -> list[Outcome]:
    """Run each failure that is saved, as :func:`fuzz.shards.replay`.  Raises as :func:`qemu_shard`."""
    again = Search(run)
    return replayed(
        run, qemu_machines(), lambda machine, database: again.of(machine, 0, (Phase.reuse,), database)
    )


class Search:
    """What a run does with its machines in guests."""

    def __init__(self, run: Run) -> None:
        self.run, self.saved = run, ready()
        self.switches = switches_of(run.reverts)

    def of(
        self, machine: type[QemuMachine], number: int, phases: Sequence[Phase], database: NamedDatabase
    ) -> Outcome:
        """What Hypothesis does with a machine, and how that ended; ``number`` is its seed."""
        new = partial(machine, self.saved, self.switches)
        return search(self.run, new, number, phases, database, self._tell)

    def _tell(self, failure: RealFailure, how: str) -> Reproducer:
        """The report, on the program with every step left out that need not be there."""
        if self.run.shrink is not Shrink.NONE:
            short = Shortening(self.saved, self.switches)
            try:
                best = shorter(short.take, failure.case, failure.violation, SHORTENING)
            except QemuError as error:  # what was found is not lost by it
                best, how = None, f"{how}; then a guest failed: {error}"
            if best is None:
                how = f"{how}; as found: it did not fail when it was to be made shorter"
            else:
                failure = RealFailure(*best, short.then[best[1]])
        switched = " with its fix switched off" if self.switches else ""
        return render(failure, f"Linux {self.saved.release} in QEMU{switched}", how, self.run.reverts)


class Shortening:
    """Runs programs; ``then`` is how each step left its task, of those that failed."""

    def __init__(self, machine: Saved, switches: Sequence[Switch]) -> None:
        self.saved, self.switches = machine, switches
        self.then: dict[Case, tuple[str, ...]] = {}

    def take(self, case: Case) -> tuple[Violation | None, Case]:
        """Run a program to its end: what does not hold, and the steps that were taken."""
        world = fresh_world(self.saved, case.geometry, self.switches)
        try:
            for step in case.steps:
                world.apply(step)
            world.finish()
        except Violation as violation:
            taken = Case(case.geometry, tuple(world.program))
            self.then[taken] = left(world.then, violation, len(taken.steps))
            return violation, taken
        finally:
            world.close()
        return None, case
